"""tagmates.report.page: complete, well-formed, escaped, and without files from elsewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from published_records import published_records
from report_studies import HOSTILE, PAPER, make_record, make_records, make_report

from tagmates.config import PRESETS
from tagmates.formatting import equals, points
from tagmates.report.figures.drawing import Figure
from tagmates.report.length_notes import length_notes
from tagmates.report.model import Report
from tagmates.report.page import own_ids, render_page, write_report
from tagmates.report.prose import _moved, definitions, notes, score_summary, settings_text, study_comparison
from tagmates.report.tables import tables
from tagmates.report.tables.table import Table
from tagmates.study.compare import count, oracle_sets
from tagmates.study.published import PAPER_TASKS, published_statistics
from tagmates.study.records import RunRecord, Runs
from tagmates.study.settings import StudySettings
from tagmates.study.status import waiting_words

VOID = {"meta", "br", "link", "img", "input", "hr"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><defs><path id="m1" d="M0 0"/></defs><use xlink:href="#m1"/></svg>'


class Reader(HTMLParser):
    """Collects the text, the attributes and the tables of a page, and fails where tags do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.titles: list[str] = []
        self.captions: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}  # caption id -> rows
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known[name] for name in ("href", "src", "xlink:href") if name in known]
        self.titles += [known["title"]] if "title" in known else []
        if tag == "caption":
            self.captions.append(known["id"])
            self.rows[known["id"]] = []
        elif tag == "tr":
            self.rows[self.captions[-1]].append([])
        elif tag in ("td", "th"):
            self.rows[self.captions[-1]][-1].append("")
        if tag == "th":
            assert known["scope"] in ("row", "col", "colgroup")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open) and "small" not in self.open:
            self.rows[self.captions[-1]][-1][-1] += data


def page_of(report: Report) -> Reader:
    return Reader(render_page(report, tables(report)))


@pytest.fixture(scope="module")
def paper() -> Report:
    rows = [
        {"sentences_all": 1, "token_type_train": 1.0, "token_type_all": 1.0, **row} for row in published_statistics()
    ]
    return make_report(PAPER, PAPER_TASKS, published_records(), statistics=rows)


@pytest.fixture(scope="module")
def paper_tables(paper: Report) -> list[Table]:
    return tables(paper)


def test_files_are_written(paper: Report, tmp_path: Path) -> None:
    figures = [Figure(name, f"Title {name}", "Caption <x>", SVG, b"%PDF") for name in ("figure2", "paper")]
    path = write_report(paper, tmp_path / "report", figures)
    assert path == tmp_path / "report" / "index.html"
    page = Reader(path.read_text(encoding="utf-8"))
    assert len(page.ids) == len(set(page.ids))
    assert {"figure2-m1", "paper-m1"} <= set(page.ids)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert (path.parent / link).is_file(), link
    assert "script" not in page.tags
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//|@import|url\(http", path.read_text(encoding="utf-8"))
    assert (path.parent / "figures" / "figure2.pdf").read_bytes() == b"%PDF"
    assert (path.parent / "tables" / "scores-multi_dec.csv").is_file()
    assert write_report(paper, tmp_path / "report") == path


def test_counts_in_the_page_are_those_of_the_comparison(paper: Report) -> None:
    page = page_of(paper)
    for method, comparison in paper.comparisons.items():
        rows = {row[0]: row for row in page.rows[f"table-scores-{method}"]}
        for task in PAPER_TASKS:
            cells = [cell for (partner, _), cell in comparison.pairs.items() if partner == task]
            assert rows[f"+{task}"][-2:] == [str(count(cells, "up")), str(count(cells, "down"))]
            ups = sum("↑" in text for text in rows[f"+{task}"][1:-2])
            assert ups == count(cells, "up")
    assert "{" not in "".join(page.titles)


def test_what_the_page_opens_with(paper: Report, paper_tables: list[Table]) -> None:
    page = render_page(paper, paper_tables)
    first = page.index('id="advice"')
    assert first < page.index('id="progress"') < page.index('id="scores"') < page.index('id="fine-print"')
    for advice in paper.advice:
        assert advice.sentence.split("(")[0] in page
    assert "p allows for the choice" not in page  # these runs have no counts, so there is no p


def test_advice_is_written_as_the_tables_are() -> None:
    study, tasks = StudySettings(regimes=("single", "pair")), ("a", "b", "c")
    report = make_report(study, tasks, make_records(study, tasks, sentences=30))
    assert any("The interval allows for the choice" in text for text in notes(report))
    for advice in report.advice:
        if advice.evidence is None:
            continue
        text, evidence = advice.sentence, advice.evidence
        interval = f"{points(evidence.low, signed=True)} to {points(evidence.high, signed=True)}"
        assert interval in text and equals("p", evidence.p) in text
        assert f"gain on test {points(advice.cell.difference, signed=True)} " in text
        assert not re.search(r"(?<= )-\d", text)
    assert any(advice.cell is not None and advice.cell.evidence is not None for advice in report.advice)


def test_without_a_test_split_dev_is_shown() -> None:
    study, tasks = StudySettings(regimes=("single", "pair")), ("a", "b", "c")
    records = [replace(record, test={}, counts={}) for record in make_records(study, tasks)]
    report = make_report(study, tasks, records)
    page = render_page(report, tables(report))
    assert "No task has a test split" in page
    assert "no run of" not in page
    assert [table.name for table in tables(report) if table.section == "scores"] == ["dev"]
    assert "Dev F1" in page


def test_no_heading_stands_twice_and_keys_stand_with_their_tables(paper: Report, paper_tables: list[Table]) -> None:
    text = render_page(paper, paper_tables)
    for title in ("Recommended partners", "Progress"):
        assert f"<h2>{title}</h2>" in text
        assert f"<strong>{title}.</strong>" not in text
    assert "<strong>Oracle sets.</strong>" in text
    for table in paper_tables:
        start = text.index(f'aria-labelledby="table-{table.name}"')
        end = text.index("</div>\n", text.index("</table>", start))
        assert ('class="key"' in text[start : end + 400].split("</table>")[1].split("<div class")[0]) == bool(table.key)


def test_paper_shows_what_screens_fold_but_for_the_longest(paper: Report, paper_tables: list[Table]) -> None:
    text = render_page(paper, paper_tables)
    kinds = re.findall(r"<details( class=\"screen\")?><summary>([^<]*?)(?:: \d+ rows)?</summary>", text)
    assert {title for screen, title in kinds if screen} == {
        "Runs, updates and parameters of each score",
        "All settings",
    }
    assert "MULTI-DEC: every comparison" in {title for screen, title in kinds if not screen}
    assert "details.screen, summary { display: none; }" in text


def test_the_fine_print_says_what_was_and_leaves_out_what_was_not() -> None:
    study = StudySettings(regimes=("single", "pair"))
    report = make_report(study, ("a", "b"), [])
    terms = dict(definitions(report))
    assert "Oracle" not in terms
    assert "The comparisons are: pairs against STL." in terms["Rule"]
    assert "are all below its best one" in terms["Length"]
    assert "numbers of updates" in terms["Length"]
    assert "learning rate below" not in terms["Length"] and "passes" not in terms["Length"]
    assert 'score = "plain"' in terms["Score"] and "token accuracy" in terms["Score"]
    assert "that of the two combinations themselves where it is larger" in terms["Test"]
    assert terms["Vectors"] == "GloVe 6B, 50 dimensions"
    for found, said in (
        ("glove", "GloVe 6B, 50 dimensions"),
        ("random", "Random, because GloVe 6B, 50 dimensions was not installed"),
    ):
        assert dict(definitions(replace(report, vectors=found)))["Vectors"].startswith(said)
    asked = replace(report, settings=study.model_copy(update={"vectors": "random"}), vectors="random")
    assert dict(definitions(asked))["Vectors"] == "random"
    assert "All-but-one against All" in dict(definitions(make_report(StudySettings(), ("a", "b"), [])))["Rule"]


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        (
            "practical",
            "A run stops when none of its last 10 epochs has a dev score above all earlier ones, once a score has been "
            "above 0, when halving has brought its learning rate below 1e-05, or after 100 epochs. A joint pass over "
            "the data ends when the sentences of its smallest task are used up. An epoch is as many passes as make at "
            "least 30 updates.",
        ),
        ("pretrained", "A run has 5 epochs. Its learning rate falls linearly, to 0 after 5 epochs. A joint pass"),
    ],
)
def test_the_fine_print_says_when_runs_of_other_presets_end(preset: str, said: str) -> None:
    study = StudySettings.model_validate({"regimes": ("single", "pair"), **PRESETS[preset]})
    assert said in dict(definitions(make_report(study, ("a", "b"), [])))["Length"]


@pytest.mark.parametrize("done", [0, 3, 1000])
def test_hostile_names_and_partial_studies(done: int) -> None:
    study = StudySettings(seeds=(1, 2))
    report = make_report(
        study,
        HOSTILE,
        make_records(study, HOSTILE)[:done],
        failed={"<run>": "</td><script>alert(1)</script>"},
        waiting=[f"the oracle set of {HOSTILE[0]} waits"],
    )
    page = page_of(replace(report, beside=report))
    assert not {"script", "i", "b", "run"} & set(page.tags)
    if done:
        heads = page.rows["table-scores-multi_dec"][0]
        assert [head for head in heads if head in HOSTILE] == list(HOSTILE)
    else:
        assert "No run is done yet" in render_page(report, tables(report))


def test_a_whole_study_says_that_it_is_whole() -> None:
    study = StudySettings(seeds=(1,), regimes=("single", "pair"))
    records = make_records(study, ("a", "b"))
    report = make_report(study, ("a", "b"), [r for r in records if r.combination.sharing == "stl" or len(r.test) == 2])
    text = render_page(report, tables(report))
    assert "All 3 runs are done." in text
    assert "table-progress" not in text
    single = StudySettings(seeds=(1,), regimes=("single",))
    only = make_report(
        single, ("a",), [make_record(r.combination, 1, ("a",)) for r in records if r.combination.tasks == ("a",)]
    )
    assert "The one run is done." in render_page(only, tables(only))


def test_tasks_of_ones_own_name_the_paper_once_where_its_rule_is_explained() -> None:
    study, tasks = StudySettings(), ("a", "b", "c")
    report = replace(make_report(study, tasks, make_records(study, tasks, sentences=30)), published={})
    text = re.sub(r"<style>.*?</style>", "", render_page(report, tables(report)), flags=re.DOTALL)
    assert re.findall(r"[^.]*\bpaper\b[^.]*", text) == [
        " The rule comes from the paper of Changpinyo, Hu and Sha (2018)",
    ]
    assert "its mean minus 1.5 standard deviations" in text
    assert "with a single seed" not in text.lower()
    one = make_report(StudySettings(seeds=(1,)), tasks, make_records(StudySettings(seeds=(1,)), tasks))
    assert "With a single seed no score is ever higher or lower by the rule." in " ".join(score_summary(one))
    assert "harms none" not in render_page(replace(one, published={}), tables(replace(one, published={})))


def test_what_is_not_there_yet_is_said_once_or_not_at_all() -> None:
    study, tasks = StudySettings(sharing=("multi_dec", "te_dec", "te_enc")), ("a", "b", "c")
    records = make_records(study, tasks, sentences=30)
    alone = [r for r in records if r.combination.sharing == "stl"]
    begun = [r for r in records if r.combination.sharing in ("stl", "multi_dec")]
    waits = waiting_words(study, tasks, oracle_sets(study, tasks, Runs(alone)))
    assert len(waits) == 1 and "of all tasks (MULTI-DEC, TE⊕DEC and TE⊕ENC)" in waits[0]
    (waits_less,) = waiting_words(study, tasks, {("multi_dec", task): () for task in tasks} | {("te_dec", "a"): ()})
    assert "of b and c (TE⊕DEC), of all tasks (TE⊕ENC)" in waits_less
    assert waiting_words(study, tasks, {(m, task): () for m in study.sharing for task in tasks}) == []
    for some, said in (
        ([], "planned runs is done yet."),
        (alone, "No joint run is done yet, so only the tasks alone are shown."),
        (begun, "TE⊕DEC and TE⊕ENC: no joint run is done yet, so there are no tables."),
    ):
        report = replace(make_report(study, tasks, some, waiting=waits), published={})
        page = render_page(report, tables(report))
        assert said in page
        assert page.count("Oracle sets are not known yet") == 1
        text = re.sub(r"<[^>]*>", " ", page)
        assert not re.search(r"\b0 (?:are|is|of [a-z])|\bof 0\b|\b1 (?:runs|tasks|scores|seeds)\b|no run of", text)
        assert "scores-te_dec" not in page
    assert any(
        "by the rule and that both studies have" in text for text in study_comparison(replace(report, beside=report))
    )


def test_pairs_that_move_are_counted_in_words() -> None:
    assert [_moved(*n) for n in ((0, 0), (1, 0), (0, 2), (3, 1))] == [
        "none is higher or lower",
        "1 is higher and none is lower",
        "none is higher and 2 are lower",
        "3 are higher and 1 is lower",
    ]


def test_nothing_is_drawn_wider_than_a_phone_without_a_frame_that_scrolls(
    paper: Report, paper_tables: list[Table]
) -> None:
    text = render_page(
        paper, paper_tables, [Figure("figure2", "T", "c", SVG.replace("<svg ", '<svg width="612pt" '), b"")]
    )
    assert '<svg style="--width: 612pt"' in text
    assert re.search(r"\.scroll, \.canvas \{\s*overflow-x: auto", text)
    assert not re.search(r"svg \{[^}]*min-width", text)
    assert "overflow-wrap: anywhere" not in "".join(re.findall(r"\n *[^\n]*t[dh]\b[^\n]*\{[^}]*\}", text))
    assert "size: A4" not in text


def test_ids_of_pictures_never_clash() -> None:
    svg = '<svg><clipPath id="a"/><path id="a-b"/><g clip-path="url(#a)"/><use href="#a-b" xlink:href="#a"/>#a</svg>'
    assert own_ids(svg, "p") == (
        '<svg><clipPath id="p-a"/><path id="p-a-b"/><g clip-path="url(#p-a)"/>'
        '<use href="#p-a-b" xlink:href="#p-a"/>#a</svg>'
    )


def test_settings_stand_in_full_but_for_places() -> None:
    study = StudySettings.model_validate(
        {"data": "/home/me/data", "vectors": "/home/me/v.txt", "seeds": (4,), "training": {"loss_weights": {"a": 2}}}
    )
    lines = settings_text(study).splitlines()
    assert {'vectors = "v.txt"', "seeds = [4]", "model.layers = 2", "training.loss_weights.a = 2.0"} <= set(lines)
    assert "/home/me" not in render_page(make_report(study, ("a",), []), [])


@pytest.mark.parametrize(("alone", "together"), [(100, 300), (300, 100)])
def test_the_page_warns_of_unequal_training_lengths(alone: int, together: int) -> None:
    study, tasks = StudySettings(regimes=("single", "pair")), ("a", "b", "c")
    records = [
        replace(record, updates=alone if len(record.combination.tasks) == 1 else together, stopped="patience")
        for record in make_records(study, tasks)
        if len(record.combination.tasks) < 3
    ]
    (text,) = length_notes(make_report(study, tasks, records))
    assert text.startswith("In 6 of 6 comparisons, among them ")
    assert "--equal-updates 300" in text
    equal = [replace(record, updates=200) for record in records]
    assert length_notes(make_report(study, tasks, equal)) == []


def test_the_page_warns_of_runs_that_the_cap_ended() -> None:
    study, tasks = StudySettings(regimes=("single", "pair")), ("a", "b", "c")
    records = [
        replace(record, updates=100) for record in make_records(study, tasks) if len(record.combination.tasks) < 3
    ]
    (text,) = length_notes(make_report(study, tasks, records))  # of seed 2 every run is capped
    assert text.startswith("In 6 of 6 comparisons some run reached the maximum number of epochs")


def test_the_report_opens_with_a_table_and_a_picture(paper: Report, paper_tables: list[Table]) -> None:
    pictures = [Figure(name, f"Title {name}", "Caption", SVG, b"") for name in ("figure2", "figure3", "gains")]
    page = render_page(paper, paper_tables, pictures)
    advice, progress = page.index('<section id="advice">'), page.index('<section id="scores">')
    first = page[advice:progress]
    assert first.index('id="table-recommendations"') < first.index('id="figure-figure3"') < first.index("<dl>")
    assert "figure-gains" not in first and "figure-figure2" not in first
    without_arrows = replace(
        paper,
        comparisons={
            method: replace(found, pairs={key: replace(cell, arrow=None) for key, cell in found.pairs.items()})
            for method, found in paper.comparisons.items()
        },
    )
    page = render_page(without_arrows, tables(without_arrows), pictures)
    assert page.index('id="figure-gains"') < page.index('<section id="scores">') < page.index('id="figure-figure3"')


def recommended(report: Report) -> dict[str, list[str]]:
    (table,) = (table for table in tables(report) if table.name == "recommendations")
    assert table.heads[1:] == (
        "F1 alone", "recommended partners", "F1 with them", "gain", "95 % interval", "verdict"
    )  # fmt: skip
    return {row.head: [entry.text for entry in row.entries] for row in table.rows}


@pytest.mark.parametrize(("gain", "verdict"), [(20.0, "better"), (0.05, "not shown; may be chance")])
def test_a_task_is_recommended_its_best_partners_on_dev(gain: float, verdict: str) -> None:
    study, tasks = StudySettings(regimes=("single", "pair")), ("a", "b")
    records = [with_gain(record, gain) for record in make_records(study, tasks, sentences=40)]
    report = make_report(study, tasks, records)
    alone, partners, together, difference, interval, said = recommended(report)["a"]
    assert (partners, said) == ("b", verdict)
    cell = report.comparisons["multi_dec"].pairs["b", "a"]
    assert (alone, together) == (points(cell.base), points(cell.mean))
    assert difference == points(cell.difference, signed=True)
    low, high = (float(text.replace("−", "-")) for text in interval.split(" to "))
    assert (low > 0) == (verdict == "better") and low < gain < high


@pytest.mark.parametrize("gain", [0.0, -0.5, -20.0])
@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_partners_without_a_gain_on_test_are_never_recommended(gain: float, seeds: tuple[int, ...]) -> None:
    study, tasks = StudySettings(regimes=("single", "pair"), seeds=seeds), ("a", "b")
    records = [with_gain(record, gain) for record in make_records(study, tasks, sentences=40)]
    report = make_report(study, tasks, records)
    assert all(advice.ranked[0].combination.tasks == tasks for advice in report.advice)  # dev would have them together
    for task in tasks:
        found = recommended(report)[task]
        assert (found[1], found[-1]) == ("none", "no gain was found; train it alone")
    page = render_page(report, tables(report))
    assert page.count("no gain was found; train it alone") == 4  # in the table, and in the sentence of each task


def with_gain(record: RunRecord, gain: float) -> RunRecord:
    """The run with a joint dev F1 that is best, and so many points of test F1 above the task alone."""
    joint = len(record.combination.tasks) > 1
    dev = dict.fromkeys(record.dev, 80.0 if joint else 70.0)
    test = dict.fromkeys(record.test, 70 + 0.1 * record.seed + (gain if joint else 0))
    counts = {}
    for task, table in record.counts.items():
        units = np.full(len(table), 1000)
        right = np.round(units * test[task] / 100).astype(np.int32)
        counts[task] = np.stack([right, units - right, units - right], axis=1).astype(np.int32)
    return replace(record, dev=dev, test=test, counts=counts)


def test_before_any_run_there_is_no_table_of_recommendations() -> None:
    report = make_report(StudySettings(), ("a", "b"), [])
    assert "recommendations" not in [table.name for table in tables(report)]


def test_what_waits_for_runs_is_folded() -> None:
    """Claims that cannot be checked yet, and methods without a joint run, take a line each."""
    some = [
        r for r in published_records() if r.combination.sharing in ("stl", "multi_dec") and len(r.combination.tasks) < 3
    ]
    report = make_report(PAPER, PAPER_TASKS, some, statistics=published_statistics())
    made = {table.name: table for table in tables(replace(report, statistics=[]))}
    assert made["unchecked-findings"].folded and not made["findings"].folded
    assert "no run of all tasks together is done yet" in [
        row.entries[-1].text for row in made["unchecked-findings"].rows
    ]
    assert all(row.entries[4].text != "–" for row in made["findings"].rows)
    assert made["oracle-sets"].heads == ("", "MULTI-DEC", "MULTI-DEC, the paper")
    assert {row.head.split(",")[0] for row in made["agreement"].rows} == {"MULTI-DEC"}
    for name in ("scores", "tests", "paper"):
        assert f"{name}-multi_dec" in made and f"{name}-te_dec" not in made
    (line,) = (text for text in score_summary(report) if "no joint run is done yet" in text)
    assert line == "TE⊕DEC and TE⊕ENC: no joint run is done yet, so there are no tables."


def test_terms_of_the_study_are_defined() -> None:
    terms = dict(definitions(make_report(PAPER, PAPER_TASKS, [])))
    assert list(terms)[:8] == ["MULTI-DEC", "TE⊕DEC", "TE⊕ENC", "STL", "Pairs", "All", "All-but-one", "Oracle"]
    assert "TE⊕DEC" not in dict(definitions(make_report(StudySettings(), ("a", "b"), [])))
