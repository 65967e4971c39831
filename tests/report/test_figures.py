"""tagmates.report.figures: the drawn marks, numbers and words, and figures that any study can draw."""

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_records import published_records
from study_folders import make_record

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.formatting import points
from tagmates.report.figures import Figure, figures
from tagmates.report.figures.characteristics import characteristics_figure, log_ticks, mean_gains
from tagmates.report.figures.circle import named_circle, widest_circle
from tagmates.report.figures.differences import shared_pairs
from tagmates.report.figures.drawing import TEXT_SIZE, text_width
from tagmates.report.figures.figure2 import Change, improvement_figure, improvements
from tagmates.report.figures.figure3 import edges, graph_figure, is_firm
from tagmates.report.figures.figure4 import embedding_figure, embedding_map
from tagmates.report.figures.groupings import groupings_figure
from tagmates.report.figures.heatmap import gains_figure, predicted_gains
from tagmates.report.figures.labels import place
from tagmates.report.findings.characteristics import pair_cells
from tagmates.report.model import Report
from tagmates.report.tables import tables
from tagmates.study.affinities import StudyAffinities
from tagmates.study.compare import Arrow, Cell, Comparison, compare
from tagmates.study.forecast import forecast
from tagmates.study.grouping import groupings
from tagmates.study.plan import Combination, combination_of, make_plan
from tagmates.study.published import PAPER_TASKS, published, published_oracle_sets, published_statistics
from tagmates.study.records import RunRecord, Runs
from tagmates.study.settings import StudySettings
from tagmates.study.significance import Evidence

METHODS = ("multi_dec", "te_dec", "te_enc")
ODD = ("pos", "named entities (CoNLL, English)", "<b> & $x$", "词性")


@pytest.fixture(scope="module")
def paper() -> list[Figure]:
    """All figures of a study that found the paper's numbers."""
    study = StudySettings(sharing=METHODS)
    records = Runs(published_records(sentences=20))
    made = compare(study, PAPER_TASKS, records, published_oracle_sets())
    report = Report(
        "again",
        study,
        PAPER_TASKS,
        made,
        records,
        {},
        published=published(),
        statistics=published_statistics(),
    )
    return figures(replace(report, beside=report))


def make_comparison(
    tasks: tuple[str, ...], arrows: dict[tuple[str, str], Arrow | None], q: float | None = None
) -> Comparison:
    """Pairs that differ from STL by a point in the direction of their arrows."""
    points = {"up": 1.0, "down": -1.0, None: 0.0}
    pairs = {}
    for pair, arrow in arrows.items():
        evidence = None if q is None else Evidence(points[arrow], 0.1, 4.0, -1.0, 1.0, q, q, q)
        combination = combination_of("te_dec", pair, tasks)
        pairs[pair] = Cell(
            combination, pair[1], 70.0 + points[arrow], 0.1, 3, base=70.0, arrow=arrow, evidence=evidence
        )
    single = {task: Cell(Combination("stl", (task,)), task, 70.0, 0.1, 3) for task in tasks}
    return Comparison("te_dec", tasks, single=single, pairs=pairs)


def make_report(tasks: tuple[str, ...], made: Comparison | None, records: list[RunRecord] | None = None) -> Report:
    rows = [
        {"task": t, "sentences_train": 10 * i + 5, "labels": i + 2, "label_entropy": 0.5} for i, t in enumerate(tasks)
    ]
    comparisons = {} if made is None else {made.method: made}
    return Report("made up", StudySettings(), tasks, comparisons, Runs(records or []), {}, statistics=rows)


def embedded(tasks: tuple[str, ...], rows: list[list[float]]) -> list[RunRecord]:
    return [
        RunRecord(str(s), Combination("te_dec", tasks), s, {}, {}, 1, 1, "cap", 1.0, 1, embeddings={"best": rows})
        for s in (1, 2)
    ]


def some_arrows(tasks: tuple[str, ...], seed: int = 0) -> dict[tuple[str, str], Arrow | None]:
    draw = np.random.default_rng(seed)
    choices: list[Arrow | None] = ["up", "down", None]
    return {(s, t): choices[draw.integers(3)] for s in tasks for t in tasks if s != t}


def words(figure: Figure) -> str:
    """All that is written in the picture."""
    return " ".join(ET.fromstring(figure.svg).itertext())


def test_the_paper_has_every_figure(paper: list[Figure]) -> None:
    names = ["figure2", "figure3", "figure4", "figure4-te_enc", "gains", "characteristics", "beside-paper", "beside"]
    assert [figure.name for figure in paper] == names
    for figure in paper:
        assert figure.svg.startswith("<svg") and figure.pdf.startswith(b"%PDF")
        assert figure.title and figure.caption
        assert "beside" in figure.name or set(PAPER_TASKS) <= set(words(figure).split())


def test_figures_share_no_ids(paper: list[Figure]) -> None:
    ids = [Counter(re.findall(r' id="([^"]+)"', figure.svg)) for figure in paper]
    assert not any(a.keys() & b.keys() for a, b in combinations(ids, 2))


def test_letters_are_large_enough_and_the_picture_fits_a_page(paper: list[Figure]) -> None:
    for figure in paper:
        sizes = [float(size) for size in re.findall(r'font(?:-size)?:[^;"]*?([\d.]+)px', figure.svg)]
        assert min(sizes) >= 7
        width = float(ET.fromstring(figure.svg).attrib["width"].removesuffix("pt"))
        printed = 186 / 25.4 * 72  # points that margins of 12 mm leave of A4 in portrait
        assert min(sizes) * min(1, printed / width) >= 5.9


@pytest.mark.slow
def test_the_same_report_gives_the_same_bytes_and_leaves_no_settings_behind() -> None:
    tasks = ("a", "b", "c", "d")
    rows = np.random.default_rng(0).normal(size=(4, 5)).tolist()
    report = make_report(tasks, make_comparison(tasks, some_arrows(tasks)), embedded(tasks, rows))
    before = dict(matplotlib.rcParams)
    first = figures(report)
    assert first == figures(report)
    assert len(first) == 5
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_names_are_taken_as_they_are() -> None:
    report = make_report(ODD, make_comparison(ODD, some_arrows(ODD)))
    made = figures(report)
    assert [figure.name for figure in made] == ["figure2", "figure3", "gains", "characteristics"]
    for figure in made:
        assert all(name in words(figure) for name in ODD)


def test_a_report_without_runs_has_no_figures() -> None:
    assert figures(make_report(("a", "b"), None)) == []
    assert figures(make_report((), None)) == []
    assert figures(make_report(("a", "b"), Comparison("te_dec", ("a", "b")))) == []


def test_unfinished_studies_have_what_there_is() -> None:
    tasks = ("a", "b", "c")
    alone = Comparison("te_dec", tasks, single=make_comparison(tasks, {}).single)
    assert figures(make_report(tasks, alone)) == []
    one = make_comparison(tasks, {("a", "b"): None})
    names = [figure.name for figure in figures(replace(make_report(tasks, one), statistics=()))]
    assert names == ["figure2", "figure3", "gains"]
    baseless = replace(one, pairs={pair: replace(cell, base=None) for pair, cell in one.pairs.items()})
    assert figures(make_report(tasks, baseless)) == []
    assert improvements(replace(one, pairs={("a", "b"): replace(one.pairs["a", "b"], base=0.0)}), tasks) == {}


def test_improvements_are_relative_to_stl() -> None:
    found = improvements(published()["multi_dec"], PAPER_TASKS)["mwe"]
    assert [change.percent for change in found["all"]] == [pytest.approx(100 * (61.43 - 53.07) / 53.07)]
    pairs = [change.percent for change in found["pair"]]
    assert (min(pairs), max(pairs)) == pytest.approx((0.0188, 13.3597), abs=1e-3)
    assert improvements(published()["multi_dec"], PAPER_TASKS)["ner"]["oracle"] == [Change(0.0)]  # it has no helpers
    alone = make_comparison(("a",), {})
    assert improvements(replace(alone, all=alone.single), ("a",)) == {}


def test_improvements_are_those_of_the_studys_tasks() -> None:
    found = improvements(published()["multi_dec"], ("mwe", "upos"))["mwe"]
    assert len(found["pair"]) == 1
    assert not found["all"] and not found["oracle"]


def test_improvements_are_those_of_the_studys_regimes() -> None:
    comparison = published()["multi_dec"]
    found = improvements(comparison, PAPER_TASKS, ("single", "all"))["ner"]
    assert found["all"] and not found["pair"] and not found["oracle"]
    assert improvements(comparison, PAPER_TASKS, ("single",)) == {}


def test_figure_2_says_what_is_drawn_and_what_of_the_paper_is_not() -> None:
    tasks = ("mwe", "com", "hyp")
    runs = Runs(r for r in published_records() if set(r.combination.tasks) <= set(tasks))
    for regimes, oracle in ((("single", "pair"), False), (("single", "pair", "oracle"), True)):
        study = StudySettings(regimes=regimes)
        made = compare(study, tasks, runs, {})
        report = Report("some", study, tasks, made, runs, {}, published=published())
        figure = improvement_figure(report)
        assert figure is not None
        assert figure.title == "Improvement over single-task learning (the paper's Figure 2)"
        assert ("Oracle (the paper)" in words(figure)) is oracle  # of com, which has no helpers; here there is none
        assert ("a square at 0 means that it has no helper and is trained alone" in figure.caption) is oracle
        assert ("a square only if this study has all helpers" in figure.caption) is oracle
        assert "Triangle" not in figure.caption and "Hollow" not in figure.caption


def test_what_rests_on_few_runs_looks_so_and_is_explained() -> None:
    tasks = ("a", "b", "c")
    made = make_comparison(tasks, some_arrows(tasks))
    pair = next(iter(made.pairs))
    few = replace(made, pairs={**made.pairs, pair: replace(made.pairs[pair], n=2)})
    for comparison, said in ((made, False), (few, True)):
        report = make_report(tasks, comparison)
        second, gains = improvement_figure(report), gains_figure(report)
        assert second is not None and gains is not None
        assert ("Hollow: some score has fewer than three runs." in second.caption) is said
        assert ("Paler, in italics: fewer than three runs on a side." in gains.caption) is said
        assert ("oblique" in gains.svg or "italic" in gains.svg) is said
    changes = improvements(few, tasks)[pair[1]]["pair"]
    assert sorted(change.few for change in changes) == [False, True]


def test_figures_of_the_papers_tasks_name_its_figures(paper: list[Figure]) -> None:
    numbered = {figure.name: figure.title for figure in paper if "(the paper's Figure" in figure.title}
    assert {name: title[-2] for name, title in numbered.items()} == {"figure2": "2", "figure3": "3", "figure4": "4"}


@given(st.data(), st.integers(2, 6))
def test_edges_say_what_the_arrows_say(data: st.DataObject, count: int) -> None:
    tasks = tuple("abcdef"[:count])
    pairs = [(s, t) for s in tasks for t in tasks if s != t]
    arrows = data.draw(st.fixed_dictionaries({pair: st.sampled_from(["up", "down", None]) for pair in pairs}))
    found = edges(make_comparison(tasks, arrows))
    assert len(set(found)) == len(found)
    for a, b in combinations(tasks, 2):
        between = {edge for edge in found if {edge[0], edge[1]} == {a, b}}
        there, back = arrows[a, b], arrows[b, a]
        if there and there == back:
            assert between == {(a, b, "mutual help" if there == "up" else "mutual harm")}
        else:
            mixed = "mixed " if there and back else ""
            expected = {((a, b), there), ((b, a), back)}
            assert between == {(*pair, mixed + ("help" if w == "up" else "harm")) for pair, w in expected if w}


def test_the_papers_arrows_are_all_in_the_graph() -> None:
    comparison = published()["multi_dec"]
    kinds = Counter(kind for _, _, kind in edges(comparison))
    up = sum(cell.arrow == "up" for cell in comparison.pairs.values())
    down = sum(cell.arrow == "down" for cell in comparison.pairs.values())
    assert kinds["help"] + kinds["mixed help"] + 2 * kinds["mutual help"] == up == 30
    assert kinds["harm"] + kinds["mixed harm"] + 2 * kinds["mutual harm"] == down == 23
    assert kinds["mixed help"] == kinds["mixed harm"]


def test_edges_that_may_be_chance_are_pale_only_where_tests_were_made() -> None:
    tasks = ("a", "b", "c")
    arrows: dict[tuple[str, str], Arrow | None] = {("a", "b"): "up", ("b", "a"): "up", ("c", "a"): "down"}
    for q, firm, said in ((None, True, False), (0.5, False, True), (0.01, True, True)):
        made = make_comparison(tasks, arrows, q)
        assert all(is_firm(made, edge) is firm for edge in edges(made))
        figure = graph_figure(make_report(tasks, made))
        assert figure is not None and ("may be chance" in figure.caption) is said
        assert ("pale: may be chance" in words(figure)) is (not firm)
    half = {("b", "a"): make_comparison(tasks, arrows, 0.5).pairs["b", "a"]}
    made = make_comparison(tasks, arrows, 0.01)
    assert not is_firm(replace(made, pairs={**made.pairs, **half}), ("a", "b", "mutual help"))


@pytest.mark.parametrize("count", [2, 3, 4, 11, 12, 20, 30, 60])
def test_names_around_a_circle_keep_clear_of_it_and_of_each_other(count: int) -> None:
    names = [f"task {i} " + "x" * (7 * i % 23) for i in range(count)]
    circle = widest_circle(names, 800) or named_circle(names, 300)
    corners = [label.corners() for label in circle.labels]
    assert all(abs(corner) > circle.radius + 2 for box in corners for corner in box)
    for a, b in combinations(corners, 2):
        assert not _meet(a, b)


def _meet(a: list[complex], b: list[complex]) -> bool:
    """Whether two rectangles overlap: no side of either separates them."""
    for box in (a, b):
        for side in (box[1] - box[0], box[2] - box[0]):
            spans = [[(corner * side.conjugate()).real for corner in some] for some in (a, b)]
            if max(spans[0]) <= min(spans[1]) + 1e-9 or max(spans[1]) <= min(spans[0]) + 1e-9:
                return False
    return True


@given(st.integers(0, 10_000), st.integers(1, 11))
def test_names_of_dots_do_not_overlap(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    dots = draw.uniform((0, 0), (240, 220), (count, 2))
    sizes = np.column_stack([draw.uniform(15, 50, count), np.full(count, 8.0)])
    boxes = place(dots, sizes, (-5, -5, 245, 225))
    assert (boxes[:, :2] >= -5 - 1e-6).all() and (boxes[:, 2:] <= (245 + 1e-6, 225 + 1e-6)).all()
    for a, b in combinations(boxes, 2):
        assert (np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).min() <= 0
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], sizes)


@pytest.mark.parametrize("count", [4, 6, 11, 20])
def test_clusters_of_embeddings_stay_apart(count: int) -> None:
    rows = np.random.default_rng(count).normal(scale=0.3, size=(count, 25))
    first = np.arange(count) < count // 2
    rows[first, :12] += 2
    rows[~first, 12:] += 2
    places = embedding_map(rows.tolist())
    assert places is not None and places.shape == (count, 2)
    np.testing.assert_array_equal(places, embedding_map((3 * rows).tolist()))  # only directions count
    own, other = places[first], places[~first]
    between = np.linalg.norm(own.mean(axis=0) - other.mean(axis=0))
    assert max(np.linalg.norm(some - some.mean(axis=0), axis=1).max() for some in (own, other)) < between / 2


def test_embeddings_that_say_nothing_have_no_map() -> None:
    assert embedding_map([[1.0, 2.0], [2.0, 1.0]]) is None  # two tasks
    assert embedding_map([[1.0, 2.0]] * 5) is None
    assert embedding_map([[0.0, 0.0]] * 5) is None
    assert embedding_map([[1.0, float("nan")], [0.0, 1.0], [1.0, 0.0]]) is None
    assert embedding_map([[1.0], [-1.0], [2.0], [-3.0]]) is not None  # one dimension


def test_only_runs_of_all_tasks_have_a_map() -> None:
    tasks = ("a", "b", "c", "d")
    rows = np.eye(4).tolist()
    report = make_report(tasks, None, embedded(tasks, rows))
    figure = embedding_figure(report, "te_dec")
    assert figure is not None and "seed 1" in words(figure) and "seed 2" in words(figure)
    assert embedding_figure(report, "te_enc") is None
    assert embedding_figure(make_report(tasks, None, embedded(tasks[:3], rows[:3])), "te_dec") is None


def test_mean_gains_are_brought_by_partners_and_received_by_tested_tasks() -> None:
    tasks = ("a", "b", "c")
    arrows: dict[tuple[str, str], Arrow | None] = {("a", "b"): "up", ("a", "c"): "up", ("b", "c"): "down"}
    report = make_report(tasks, make_comparison(tasks, arrows))
    assert mean_gains(pair_cells(report, 0)) == {"a": [1.0, 1.0], "b": [-1.0, -1.0]}
    assert mean_gains(pair_cells(report, 1)) == {"b": [1.0, 1.0], "c": [0.0, 0.0]}


def test_ticks_of_counts_are_whole_and_few() -> None:
    assert log_ticks(1.25, 4.8, 2.5) == [2, 3, 4]
    assert log_ticks(540, 5300, 3.4) == [1000, 2000, 3000, 5000]
    assert log_ticks(540, 5300, 2.0) == [1000, 2000, 5000]
    assert log_ticks(1.25, 1972, 2.5) == [3, 10, 30, 100, 300, 1000]
    for low in (0.7, 2, 33, 410):
        for factor in (2.6, 10, 300, 10_000):
            ticks = log_ticks(low, low * factor, 2.5)
            assert ticks == sorted(ticks) and 1 <= len(ticks) <= 7
            assert all(low <= tick <= low * factor for tick in ticks)
            middles = [2.5 * math.log(tick / low) / math.log(factor) for tick in ticks]
            for (a, at), (b, then) in pairwise(zip(ticks, middles, strict=True)):
                assert then - at > (text_width(f"{a:,}", TEXT_SIZE) + text_width(f"{b:,}", TEXT_SIZE)) / 2


@pytest.mark.parametrize("count", [5, 6])
def test_a_correlation_wants_six_tasks(count: int) -> None:
    tasks = tuple("abcdef"[:count])
    figure = characteristics_figure(make_report(tasks, make_comparison(tasks, some_arrows(tasks))))
    assert figure is not None
    assert ("ρ" in words(figure)) is ("ρ" in figure.caption) is (count == 6)
    assert "both on a logarithmic scale" in figure.caption


def test_pairs_of_two_studies_are_set_beside_each_other_the_farthest_apart_first() -> None:
    tasks = ("a", "b", "c")
    ours = make_comparison(tasks, {("a", "b"): "up", ("b", "a"): "up", ("a", "c"): "up", ("c", "a"): "up"})
    theirs = make_comparison(tasks, {("a", "b"): "down", ("b", "a"): None, ("a", "c"): "up"})
    looks = [(both.name, both.gap, both.style) for both in shared_pairs(ours, theirs)]
    assert looks == [
        ("a → b", 2.0, "opposite arrows"),
        ("b → a", 1.0, "an arrow in one only"),
        ("a → c", 0.0, "the same arrow, or none"),
    ]
    assert shared_pairs(ours, None) == []


# --- predictions -----------------------------------------------------------------------------------------------------


def predicting(report: Report) -> Report:
    """The report with forecasts and groupings of its runs."""
    pairs = [Affinity(a, b, 0.5, 0.1, 1e5, 0.0) for a in report.tasks for b in report.tasks if a != b]
    affinities = StudyAffinities({task: TrainingData(20_000, 9, 2.0) for task in report.tasks}, pairs)
    made = forecast(report.settings, report.tasks, affinities, report.runs, {})
    return replace(report, forecasts=made, groupings=groupings(made))


def test_pairs_that_are_not_trained_are_shown_as_predictions_and_change_nothing_else() -> None:
    tasks = ("a", "b", "c")
    study = StudySettings(regimes=("single", "pair"), seeds=(1, 2))
    every = [make_record(planned, dict.fromkeys(planned.config.tasks, 60.0 + planned.config.seed))
             for planned in make_plan(study, tasks, {})]  # fmt: skip
    some = [record for record in every if record.combination.tasks != ("a", "c")]
    for records, missing in ((every, set()), (some, {("a", "c"), ("c", "a")})):
        runs = Runs(records)
        report = Report("some", study, tasks, compare(study, tasks, runs, {}), runs, {})
        measured, both = gains_figure(report), gains_figure(predicting(report))
        assert measured is not None and both is not None
        assert predicted_gains(predicting(report), report.comparisons["multi_dec"]).keys() == missing
        assert predicted_gains(report, report.comparisons["multi_dec"]) == {}
        assert ("Hatched" in both.caption) is ("<pattern" in both.svg) is bool(missing)
        assert "Hatched" not in measured.caption
        for other in (improvement_figure, graph_figure):  # arrows and averages are of measurements
            one, two = other(report), other(predicting(report))
            assert (one is None) == (two is None)
            assert one is None or two is None or one.svg == two.svg
        for one, two in zip(tables(report), [t for t in tables(predicting(report)) if t.section != "forecast"],
                            strict=True):  # fmt: skip
            assert one == two


def test_the_curve_of_taggers_is_drawn_where_there_are_forecasts() -> None:
    tasks = ("a", "b", "c")
    report = make_report(tasks, make_comparison(tasks, some_arrows(tasks)))
    assert groupings_figure(report) is None
    figure = groupings_figure(predicting(report))
    assert figure is not None
    for grouping in predicting(report).groupings:
        assert points(grouping.mean) in words(figure)
