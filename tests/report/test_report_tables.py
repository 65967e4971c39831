"""tagmates.report.tables: their content, which is the same in every format."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from published_records import published_records
from report_studies import HOSTILE, PAPER, make_record, make_records, make_report

from tagmates.formatting import EMPTY, listing, points, probability
from tagmates.report.model import Report
from tagmates.report.tables import tables
from tagmates.report.tables.cells import mark, score_entry, story, verdict
from tagmates.report.tables.comparison import confirmed
from tagmates.report.tables.formats import LATEX_CHARACTERS, full_heads, to_csv, to_latex, to_markdown
from tagmates.report.tables.table import LEGEND, Entry, Row, Table, words
from tagmates.study.compare import Cell, count
from tagmates.study.plan import Combination, combination_of, make_plan
from tagmates.study.published import PAPER_TASKS
from tagmates.study.settings import REGIMES, StudySettings
from tagmates.study.significance import Evidence, false_arrow_rate


def named(report: Report) -> dict[str, Table]:
    made = tables(report)
    assert len({table.name for table in made}) == len(made)
    for table in made:
        assert all(len(row.entries) == len(table.heads) - 1 for row in table.rows), table.name
        assert not table.groups or sum(span for _, span in table.groups) == len(table.heads) - 1, table.name
    return {table.name: table for table in made}


@pytest.fixture(scope="module")
def paper() -> Report:
    return make_report(PAPER, PAPER_TASKS, published_records())


@pytest.fixture(scope="module")
def paper_tables(paper: Report) -> dict[str, Table]:
    return named(paper)


@pytest.fixture(scope="module")
def hostile() -> Report:
    study = StudySettings(seeds=(1, 2))
    return make_report(study, HOSTILE, make_records(study, HOSTILE), failed={"a|b": "$\\frac{1}{2}$ & <script>"})


def drawn(cells: Iterable[Cell | None]) -> list[str]:
    """Counts of arrows as a table has them."""
    known = [cell for cell in cells if cell is not None and cell.base is not None]
    return [str(count(known, "up")), str(count(known, "down"))] if known else [EMPTY, EMPTY]


def test_counts_of_arrows_are_those_of_the_comparison(paper: Report, paper_tables: dict[str, Table]) -> None:
    made = paper_tables
    for method, comparison in paper.comparisons.items():
        rows = {row.head: [entry.text for entry in row.entries] for row in made[f"scores-{method}"].rows}
        for task in PAPER_TASKS:
            row = [cell for (partner, _), cell in comparison.pairs.items() if partner == task]
            column = [cell for (_, tested), cell in comparison.pairs.items() if tested == task]
            i = PAPER_TASKS.index(task)
            assert rows[f"+{task}"][-2:] == drawn(row)
            assert [rows["#↑"][i], rows["#↓"][i]] == drawn(column)
            assert rows["Average"][i] == f"{comparison.average(task):.2f}"
        assert rows["All"][-2:] == drawn(comparison.all.values())
        assert rows["Oracle"][-2:] == drawn(comparison.oracle.values())
    rows = {row.head: [entry.text for entry in row.entries] for row in made["all-but-one-multi_dec"].rows}
    cells = paper.comparisons["multi_dec"].all_but_one
    assert all(rows[f"All − {t}"][-2:] == drawn(c for (left, _), c in cells.items() if left == t) for t in PAPER_TASKS)


def test_the_papers_own_numbers_come_back(paper_tables: dict[str, Table]) -> None:
    table = paper_tables["scores-multi_dec"]
    upos = next(row for row in table.rows if row.head == "+upos")
    assert [entry.text for entry in upos.entries[:4]] == ["95.40", "95.01", "94.18", "87.68"]
    assert [entry.mark for entry in upos.entries[:4]] == ["", "", "↑", ""]
    assert upos.entries[0].roles == ("own",)
    assert [entry.text for entry in upos.entries[-2:]] == ["5", "0"]
    assert next(row for row in table.rows if row.head == "Oracle").entries[2].roles == ("up",)
    agreement = paper_tables["agreement"].data
    assert all(line["opposite"] == 0 and float(str(line["at_most"])) < 1e-9 for line in agreement)
    assert {line["cells"] for line in agreement if line["regime"] == "pair"} == {110}


def test_marks_tell_rule_test_and_both_apart() -> None:
    cell = Cell(Combination("multi_dec", ("a", "b")), "a", 52.0, 0.1, 3, base=50.0, arrow="up")
    sure = Evidence(2.0, 0.1, 9.0, 1.8, 2.2, 0.001, 0.01, 0.02)
    unsure = replace(sure, q=0.3)
    seen = {
        "▲": replace(cell, evidence=sure),
        "△": replace(cell, evidence=unsure),
        "↑": cell,
        "+": replace(cell, arrow=None, evidence=sure),
        "": replace(cell, arrow=None, evidence=unsure),
        "▼": replace(cell, mean=48.0, arrow="down", evidence=sure),
        "▽": replace(cell, mean=48.0, arrow="down", evidence=unsure),
        "↓": replace(cell, mean=48.0, arrow="down"),
        "−": replace(cell, mean=48.0, arrow=None, evidence=sure),
    }
    assert {sign: mark(some) for sign, some in seen.items()} == {sign: sign for sign in seen}
    assert [verdict(seen[sign]) for sign in ("▲", "▼", "△", "↑")] == ["helps", "harms", "not shown", "not tested"]


def test_few_runs_and_capped_ones_show() -> None:
    cell = Cell(Combination("stl", ("a",)), "a", 52.0, 0.1, 2, updates=1234.6, capped=1, parameters=99, dev=51.5)
    entry = score_entry(cell, 3)
    assert (entry.text, entry.mark, entry.below, entry.roles) == ("52.00", "†", ("n=2 ±0.10",), ("own", "few"))
    assert "1,235 updates on average, 1 of 2 runs reached the maximum number of epochs, 99 parameters" in entry.note
    assert score_entry(replace(cell, n=3, capped=0), 3).below == ("±0.10",)
    assert score_entry(replace(cell, n=4), 3).below == ("n=4 ±0.10",)
    assert score_entry(replace(cell, n=3, std=None), 3).below == ()
    assert score_entry(replace(cell, n=1, std=0.0), 3).below == ("n=1",)


def test_oracle_selected_on_test_says_so(paper: Report, paper_tables: dict[str, Table]) -> None:
    made = paper_tables
    assert "selected on test" in made["scores-multi_dec"].caption
    oracle = next(row for row in made["scores-multi_dec"].rows if row.head == "Oracle")
    assert "Selected on test" in oracle.entries[PAPER_TASKS.index("mwe")].note
    tests = [row for row in made["tests-multi_dec"].rows if row.head == "Oracle"]
    assert {row.entries[-1].text for row in tests} == {"selected on test"}
    assert {row.entries[4].text for row in tests} == {EMPTY}  # p
    selected = paper.comparisons["te_dec"].oracle["mwe"]
    assert selected.selected and "Selected on test" in story(selected)


def test_tests_table_is_complete() -> None:
    study = StudySettings()
    report = make_report(study, ("a", "b", "c"), make_records(study, ("a", "b", "c"), sentences=30))
    table = named(report)["tests-multi_dec"]
    comparison = report.comparisons["multi_dec"]
    groups = [comparison.pairs, comparison.all, comparison.all_but_one]
    expected = [cell for cells in groups for cell in cells.values() if cell.base is not None]
    oracle = [cell for cell in comparison.oracle.values() if cell.base is not None]
    assert len(table.rows) == len(expected) + len(oracle)
    assert table.folded
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    for line in lines:
        if line["regime"] == "pair":
            cell = comparison.pairs[line["row"], line["task"]]
            assert cell.evidence is not None
            assert float(line["mean"]) == cell.mean
            assert float(line["p"]) == cell.evidence.p
            assert float(line["holm"]) == cell.evidence.holm
            assert (int(line["n"]), int(line["capped"]), float(line["updates"])) == (3, 1, 200.0)
    tally = named(report)["arrows"]
    assert tally.rows[0].entries[0].text == "6"
    assert all(sum(int(e.text) for e in row.entries[1:]) == int(row.entries[0].text) for row in tally.rows)


def test_false_arrows_for_every_number_of_runs() -> None:
    study = StudySettings(k=1.2)
    records = make_records(study, ("a", "b"))
    report = make_report(study, ("a", "b"), [r for r in records if r.seed == 1 or r.combination.sharing == "stl"])
    table = named(report)["false-arrows"]
    assert [line["n"] for line in table.data] == [1, 3]
    assert [line["rate"] for line in table.data] == [false_arrow_rate(n, 1.2, "population") for n in (1, 3)]
    assert [entry.text for entry in table.rows[0].entries] == ["none can be drawn", "0"]
    assert table.rows[1].entries[0].text.endswith(" %")


def test_methods_side_by_side(paper: Report, paper_tables: dict[str, Table]) -> None:
    table = paper_tables["methods"]
    mean = dict(zip(full_heads(table)[1:], (entry.text for entry in table.rows[-1].entries), strict=True))
    assert mean["STL"] == points(np.mean([cell.mean for cell in paper.comparisons["multi_dec"].single.values()]))
    assert mean["All: TE⊕DEC"] == points(np.mean([cell.mean for cell in paper.comparisons["te_dec"].all.values()]))
    mwe = next(row for row in table.rows if row.head == "mwe")
    assert [(entry.text, entry.below) for entry in mwe.entries[4:7]] == [
        ("60.16", ("+sem",)),
        ("60.32", ("+xpos",)),
        ("58.62", ("+sem",)),
    ]


def test_beside_counts_what_stays_harmed(paper: Report) -> None:
    without = [r for r in published_records() if "com" not in r.combination.tasks or r.combination.sharing == "stl"]
    both = replace(paper, beside=replace(make_report(PAPER, PAPER_TASKS, without), name="without com"))
    made = named(both)
    moves = made["beside"]
    assert full_heads(moves)[1] == "lower here: lower there"
    assert [row.head for row in moves.rows] == ["MULTI-DEC, Pairs", "TE⊕DEC, Pairs", "TE⊕ENC, Pairs"]
    assert [sum(int(entry.text) for entry in row.entries) for row in moves.rows] == [90, 90, 90]
    for arrow in ("up", "down"):
        here, there = confirmed(both, arrow)
        assert here == there > 0
    assert confirmed(paper, "down") == (0, 0)
    entry = made["beside-multi_dec"].rows[PAPER_TASKS.index("com")].entries[0]
    assert (entry.text, entry.below) == ("−2.36", (EMPTY,))


def test_all_of_other_tasks_is_not_the_papers_all() -> None:
    tasks = ("upos", "xpos", "mwe")
    study = StudySettings(oracle_sets="test")
    chosen = [r for r in published_records() if set(r.combination.tasks) <= set(tasks)]
    chosen += [make_record(combination_of("multi_dec", tasks, tasks), seed, tasks) for seed in study.seeds]
    data = named(make_report(study, tasks, chosen))["agreement"].data
    assert {line["regime"] for line in data} == {"single", "pair", "oracle"}
    assert next(line["cells"] for line in data if line["regime"] == "pair") == 6


def test_partial_and_empty_studies_are_tables_too(paper: Report) -> None:
    draw = np.random.default_rng(1)
    for share in (0.0, 0.01, 0.1, 0.5):
        records = [record for record in published_records() if draw.random() < share]
        made = named(make_report(PAPER, PAPER_TASKS, records))
        assert "progress" in made
        for table in made.values():
            assert to_markdown(table) and to_latex(table) and to_csv(table)
    assert "scores-multi_dec" not in named(make_report(PAPER, PAPER_TASKS, []))


@pytest.mark.parametrize("tasks", [("only",), ("a", "b")])
@pytest.mark.parametrize("regimes", [REGIMES, ("single",), ("pair", "single"), ("all",)])
def test_small_studies(tasks: tuple[str, ...], regimes: tuple[str, ...]) -> None:
    study = StudySettings.model_validate({"seeds": (7,), "regimes": regimes, "std": "sample"})
    records = make_records(study, tasks)
    meant = {planned.combination for planned in make_plan(study, tasks, {})}
    for some in ([], records[:1], records):
        made = named(make_report(study, tasks, some))
        assert all(to_markdown(t) and to_latex(t) and to_csv(t) for t in made.values())
        assert ("scores-multi_dec" in made) == any(record.combination in meant for record in some)


def rows_of(table: Table) -> dict[str, list[str]]:
    return {row.head: [entry.text for entry in row.entries] for row in table.rows}


def test_regimes_that_are_not_trained_are_left_out() -> None:
    study = StudySettings(regimes=("single", "pair"))
    tasks = ("a", "b", "c")
    made = named(make_report(study, tasks, make_records(study, tasks, sentences=30)))  # of all regimes
    assert list(rows_of(made["scores-multi_dec"])) == ["+a", "+b", "+c", "#↑", "#↓", "Average"]
    assert made["scores-multi_dec"].title == "MULTI-DEC: pairs"
    assert "Oracle" not in made["scores-multi_dec"].caption
    assert full_heads(made["methods"])[1:] == [
        "STL",
        "Pair average: MULTI-DEC",
        "Best pair (selected on test): MULTI-DEC",
    ]
    assert list(rows_of(made["parameters"])) == ["STL", "Pairs"]
    assert list(rows_of(made["arrows"])) == ["MULTI-DEC, Pairs"]
    assert "pairs against STL" in made["arrows"].caption and "All" not in made["arrows"].caption
    assert {row.head for row in made["tests-multi_dec"].rows} == {"+a", "+b", "+c"}
    assert {line["regime"] for line in made["runs"].data} == {"single", "pair"}
    assert not {"all-but-one-multi_dec", "oracle-sets"} & set(made)
    assert "Oracle" not in made["progress"].caption


def test_without_pairs_stl_is_a_row() -> None:
    study = StudySettings(regimes=("single", "all"))
    made = named(make_report(study, ("a", "b", "c"), make_records(study, ("a", "b", "c"))))
    table = made["scores-multi_dec"]
    assert list(rows_of(table)) == ["STL", "All"]
    assert table.title == "MULTI-DEC: All"
    assert "In the first row, in blue or bold" in table.caption
    assert all(entry.roles == ("own",) for entry in table.rows[0].entries[:3])
    assert [line["regime"] for line in table.data] == ["single"] * 3 + ["all"] * 3


def test_tables_name_those_of_the_paper(paper: Report, paper_tables: dict[str, Table]) -> None:
    made = paper_tables
    for method, number in (("multi_dec", 3), ("te_dec", 4), ("te_enc", 5)):
        assert made[f"scores-{method}"].title.endswith(f": pairs, All and Oracle (the paper's Table {number})")
        assert made[f"paper-{method}"].title.endswith(f"(the paper's Table {number})")
    assert made["all-but-one-multi_dec"].title.endswith("(the paper's Table 6)")
    own = make_report(PAPER, ("a", "b"), make_records(PAPER, ("a", "b")))
    assert not any("the paper's Table" in table.title for table in tables(own))


def test_a_task_without_helpers_is_blue_in_the_oracle_row_and_the_caption_says_so(
    paper_tables: dict[str, Table],
) -> None:
    table = paper_tables["scores-multi_dec"]
    oracle = next(row for row in table.rows if row.head == "Oracle")
    assert oracle.entries[PAPER_TASKS.index("ner")].roles == ("own",)
    assert "also in the Oracle row for a task without helpers." in table.caption
    helped = ("mwe", "upos")
    study = StudySettings(sharing=("te_enc",), oracle_sets="test")
    some = [r for r in published_records() if set(r.combination.tasks) <= set(helped)]
    report = make_report(study, helped, some)
    alone = any(len(cell.combination.tasks) == 1 for cell in report.comparisons["te_enc"].oracle.values())
    assert ("also in the Oracle row" in named(report)["scores-te_enc"].caption) == alone


def test_means_of_few_runs_are_grey_wherever_they_stand() -> None:
    study, tasks = StudySettings(), ("a", "b", "c")
    records = make_records(study, tasks)
    few = [r for r in records if r.seed == 1 or "c" not in r.combination.tasks]  # c once, a and b three times
    made = named(make_report(study, tasks, few))
    entries = {row.head: row.entries for row in made["methods"].rows}
    heads = full_heads(made["methods"])[1:]
    stl, average, best = (heads.index(head) for head in ("STL", "Pair average: MULTI-DEC", heads[2]))
    assert (entries["a"][stl].roles, entries["a"][stl].below) == ((), ())
    assert (entries["c"][stl].roles, entries["c"][stl].below) == (("few",), ("n=1",))
    assert (entries["a"][average].roles, entries["a"][average].below) == (("few",), ("n=1–3",))
    assert (entries["a"][best].roles, entries["a"][best].below) == (("few",), ("+c", "n=1"))
    assert entries["Mean"][stl].roles == ("few",)
    average_row = next(row for row in made["scores-multi_dec"].rows if row.head == "Average")
    assert average_row.entries[0] == entries["a"][average]
    grey = "Grey: fewer than three runs."
    assert all(grey in made[name].caption for name in ("methods", "scores-multi_dec", "all-but-one-multi_dec"))
    whole = named(make_report(study, tasks, records))
    assert not any(grey in table.caption for table in whole.values())


def test_cells_that_the_rule_cannot_judge_are_counted_apart() -> None:
    study, tasks = StudySettings(regimes=("single", "pair")), ("a", "b", "c")
    records = [r for r in make_records(study, tasks) if r.seed == 1 or "c" not in r.combination.tasks]
    table = named(make_report(study, tasks, records))["arrows"]
    assert table.heads[-2:] == ("neither", "too few runs")
    texts = [entry.text for entry in table.rows[0].entries]
    assert (texts[0], texts[-1]) == ("6", "4")  # all with c
    assert sum(map(int, texts[1:])) == 6


def test_runs_updates_and_parameters_of_every_score(paper_tables: dict[str, Table]) -> None:
    study, tasks = StudySettings(sharing=("multi_dec", "te_dec")), ("a", "b", "c")
    table = named(make_report(study, tasks, make_records(study, tasks)))["runs"]
    assert table.folded and not table.printed
    rows = [(row.head, *(entry.text for entry in row.entries)) for row in table.rows]
    assert rows[0] == ("STL", "STL", "alone", "a", "3", "200", "1", "1,234")
    assert ("MULTI-DEC", "Pairs", "c", "a", "3", "200", "1", "2,468") in rows
    assert ("TE⊕DEC", "All", "all others", "b", "3", "200", "1", "3,702") in rows
    assert ("TE⊕DEC", "All-but-one", "all but a", "b", "3", "200", "1", "2,468") in rows
    assert sum(row[0] == "STL" for row in rows) == 3  # once for all methods
    assert len(rows) == len(table.data) == len(set(rows))
    oracle = [row for row in paper_tables["runs"].rows if row.entries[0].text == "Oracle"]
    assert {"its 7 helpers", "alone"} <= {row.entries[1].text for row in oracle}
    assert "have each combination" in paper_tables["parameters"].caption


def test_csv_comes_back(hostile: Report) -> None:
    for table in tables(hostile):
        lines = list(csv.reader(io.StringIO(to_csv(table))))
        assert all(len(line) == len(lines[0]) for line in lines), table.name
    scores = csv.DictReader(io.StringIO(to_csv(named(hostile)["scores-multi_dec"])))
    assert {line["task"] for line in scores} == set(HOSTILE)


def test_markdown_columns_hold(hostile: Report) -> None:
    for table in tables(hostile):
        lines = [line for line in to_markdown(table).splitlines() if line.startswith("| ")]
        assert len(lines) == len(table.rows) + 2
        bars = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines}
        assert bars == {len(table.heads) + 1}, table.name
        assert not re.search(r"(?<!\\)[<`$]", "".join(lines)), table.name


def test_latex_columns_of_words_hold_their_longest_word(paper_tables: dict[str, Table]) -> None:
    table = paper_tables["findings"]
    text = to_latex(table)
    widths = [float(ems) for ems in re.findall(r"p\{\\dimexpr([\d.]+)em", text)]
    columns = list(zip(table.heads, *([row.head, *(e.text for e in row.entries)] for row in table.rows), strict=True))
    assert len(widths) == len(columns) == 7
    for width, column in zip(widths, columns, strict=True):
        assert width >= 0.5 * max(len(word) for line in column for word in line.split())
    assert r"\begin{longtable}" in text


def test_latex_knows_every_sign_of_the_tables(paper: Report) -> None:
    """Beyond Latin-1, which pdfLaTeX has; names of tasks apart."""
    for table in tables(replace(paper, beside=paper)):
        for line in to_latex(table).splitlines():
            assert "Umathchar" not in line, line
    assert LATEX_CHARACTERS["ρ"] == r"$\rho$"


def test_latex_is_balanced(hostile: Report, paper_tables: dict[str, Table]) -> None:
    for table in [*tables(hostile), *paper_tables.values()]:
        text = to_latex(table)
        assert "\\\\[" not in text
        bare = re.sub(r"\\[{}\\$&#%_]", "", text.split("\n", 1)[1].replace("{!}{%", "{!}{"))
        assert bare.count("{") == bare.count("}"), table.name
        assert bare.count("$") % 2 == 0, table.name
        assert "#" not in bare and "%" not in bare and "_" not in bare, table.name
        ends = Counter(re.findall(r"\\(begin|end)\{(\w+)\}", text))
        assert all(ends["begin", name] == ends["end", name] for _, name in ends), table.name
        rows = [line for line in text.splitlines() if line.endswith(r"\\") and "\\caption" not in line]
        spans = r"(?<!\\)&"
        plain = rows[1:] if table.groups else rows
        assert {len(re.findall(spans, row)) for row in plain} == {len(table.heads) - 1}, table.name
        assert all(ord(c) < 256 or "Umathchar" in line for line in text.splitlines() for c in line), table.name


def test_key_explains_every_mark_and_nothing_else(paper: Report) -> None:
    entries = (Entry("1.00", "▲†", ("±0.10",)), Entry("−1.00", "", ("+0.24 ▲≠", "−")), Entry("+0.51"))
    table = Table("t", "scores", "T", "c", ("", "a", "b", "c"), (Row("r", entries),))
    assert list(table.key) == ["▲", "−", "≠", "†"]
    assert entries[1].lines == [("−1.00", ""), ("+0.24", "▲≠"), ("", "−")]
    assert LEGEND["†"] in to_markdown(table)
    assert LEGEND["▲"] in to_latex(table).replace(r"$\leq$", "≤")
    assert not Table("t", "scores", "T", "c", ("", "a"), (Row("+", words("+5")),)).key


def test_numbers_as_text() -> None:
    assert [points(-0.001, signed=True), points(0.5, signed=True), points(-1.0), points(None)] == [
        "0.00",
        "+0.50",
        "−1.00",
        EMPTY,
    ]
    assert [probability(0.0001), probability(0.04), probability(1.0), probability(None)] == [
        "< 0.001",
        "0.040",
        "1.000",
        EMPTY,
    ]
    assert [listing([]), listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_data_are_plain_values(paper_tables: dict[str, Table]) -> None:
    for table in paper_tables.values():
        json.dumps([dict(line) for line in table.data], allow_nan=False)
        assert all(list(line) == list(table.data[0]) for line in table.data), table.name
