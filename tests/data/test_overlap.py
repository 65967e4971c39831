"""The overlap of tasks, compared with counts by hand; and the figures of data."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from real_data import DATA, PAPER, needs_real_data

from tagmates.apps.tables import OVERLAP_TITLES, overlap_tables
from tagmates.data.corpora import Corpora
from tagmates.data.overlap import overlap_json, overlaps, unknown_words
from tagmates.data.sentence import Sentence
from tagmates.data.statistics import load_splits
from tagmates.data.tasks import PAPER_SCHEMES, load_tasks
from tagmates.errors import ConfigError, DiskError
from tagmates.formatting import percent
from tagmates.report.figures.data import check_place, write_figures
from tagmates.report.figures.overlap import MAP_TITLES, NOTE, overlap_canvas
from tagmates.report.figures.tag_shares import shown_tags, tags_canvas

words = st.sampled_from(["a", "A", "b", "B", "c", "d", "é"])
sentences = st.lists(words, min_size=1, max_size=4).map(lambda some: Sentence(tuple(some), ("X",) * len(some)))
some = st.lists(sentences, min_size=1, max_size=5)
splits = st.fixed_dictionaries({"train": some, "dev": some}, optional={"test": some})
corpora_of_some = st.dictionaries(st.sampled_from(["one", "two", "three"]), splits, min_size=1)


def made(*sizes: int) -> Corpora:
    """A task for each number of tags, with words of its own and some of all."""
    return {
        f"task-{i}": {
            split: [
                Sentence(("all", f"own-{i}", "share", f"{split}-{n}"), tuple(f"T{(n + k) % size}" for k in range(4)), n)
                for n in range(40 if split == "train" else 9)
            ]
            for split in ("train", "dev", "test")
        }
        for i, size in enumerate(sizes)
    }


class TestNumbers:
    @given(corpora_of_some)
    def test_shares_are_those_of_counting(self, corpora: Corpora) -> None:
        rows = {(row.task, row.other): row for row in overlaps(corpora)}
        assert rows.keys() == {(task, other) for task in corpora for other in corpora}
        for (task, other), row in rows.items():
            known = [token.lower() for s in corpora[other]["train"] for token in s.tokens]
            types = {token.lower() for s in corpora[task]["train"] for token in s.tokens}
            assert row.types == pytest.approx(sum(word in known for word in types) / len(types))
            tokens = [token.lower() for s in corpora[task].get("test", ()) for token in s.tokens]
            assert row.test_tokens == (pytest.approx(self.share(tokens, known)) if tokens else None)
            trained = [s.tokens for s in corpora[other]["train"]]
            for split, value in (("train", row.train_sentences), ("test", row.test_sentences)):
                long = [s.tokens for s in corpora[task].get(split, ()) if len(s) >= 3]
                assert value == (pytest.approx(self.share(long, trained)) if long else None)
            assert row.num_test_sentences == sum(s in trained for s in long)
        for unknown in unknown_words(corpora):
            own = rows[unknown.task, unknown.task].test_tokens
            assert unknown.own == (None if own is None else pytest.approx(1 - own))
            if unknown.own is not None and unknown.all_tasks is not None:
                assert 0 <= unknown.all_tasks <= unknown.own + 1e-9
                everything = {t.lower() for task in corpora for s in corpora[task]["train"] for t in s.tokens}
                test = [t.lower() for s in corpora[unknown.task]["test"] for t in s.tokens]
                assert unknown.all_tasks == pytest.approx(1 - self.share(test, everything))

    @staticmethod
    def share(items: Sequence[object], known: Container[object]) -> float:
        return sum(item in known for item in items) / len(items)

    @given(st.floats(0, 1))
    def test_per_cent_never_rounds_to_nothing_or_all(self, value: float) -> None:
        text = percent(value)
        assert len(text) <= 4
        assert (text == "0") == (value == 0)
        assert (text == "100") == (value == 1)
        if not text.startswith("<"):
            assert float(text) == pytest.approx(100 * value, abs=1)

    @needs_real_data
    def test_unknown_words_of_the_papers_data(self) -> None:
        entries = json.loads((DATA / "table1.json").read_text())["hygiene"]["per_task"]
        known = load_tasks(str(PAPER))
        names = ["mwe", "supsense", "com", "frame", "hyp"]
        corpora = {name: load_splits(known[name]) for name in names}
        for row in unknown_words(corpora):
            assert row.own is not None
            assert round(row.own, 4) == entries[row.task]["test"]["oov_token_share_lower"]
        shared = {(row.task, row.other): row for row in overlaps(corpora)}
        for name in names:
            leaks = shared[name, name].num_test_sentences
            assert leaks == entries[name]["test"]["sentences_also_in_train_3_or_more_tokens"]
        assert shared["mwe", "supsense"].train_sentences == 1


class TestFigures:
    def test_a_folder_has_a_picture_each_and_a_file_has_all(self, tmp_path: Path) -> None:
        corpora = made(2, 400, 12)
        shared = overlaps(corpora)
        paths = write_figures(corpora, shared, tmp_path / "deep" / "figures")
        assert [path.name for path in paths] == ["lengths.svg", "tags.svg", "overlap.svg"]
        texts = {path.stem: " ".join(ET.parse(path).getroot().itertext()) for path in paths}
        assert all(name in text for name in corpora for text in texts.values())
        assert "test" in texts["lengths"]
        assert "43 tags" in texts["tags"]
        assert all(title in texts["overlap"] for title in MAP_TITLES.values())
        (page,) = write_figures(corpora, shared, tmp_path / "page.svg")
        root = ET.parse(page).getroot()
        inner = [child for child in root if child.tag.endswith("svg")]
        assert len(inner) == 3
        ends = [float(child.attrib["y"]) + float(child.attrib["height"]) for child in inner]
        starts = [float(child.attrib["y"]) for child in inner]
        assert starts == pytest.approx([0, *ends[:-1]], abs=0.02)
        assert float(root.attrib["height"].removesuffix("pt")) == pytest.approx(ends[-1], abs=0.02)
        (pixels,) = write_figures(corpora, shared, tmp_path / "page.PNG")
        assert image.imread(pixels, format="png").shape[2] == 4

    @pytest.mark.parametrize(
        "place", [*(pytest.param(file, marks=pytest.mark.slow) for file in ("a.svg", "a.png")), "folder"]
    )
    def test_the_same_data_give_the_same_bytes(self, tmp_path: Path, place: str) -> None:
        corpora = made(3, 17)
        results = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            results.append([p.read_bytes() for p in write_figures(corpora, overlaps(corpora), tmp_path / name / place)])
        assert results[0] == results[1]

    def test_a_task_alone_has_nothing_in_common_with_another(self, tmp_path: Path) -> None:
        corpora = made(5)
        assert [p.stem for p in write_figures(corpora, overlaps(corpora), tmp_path / "f")] == ["lengths", "tags"]

    def test_splits_may_be_missing(self, tmp_path: Path) -> None:
        corpora = {name: {"train": splits["train"]} for name, splits in made(3, 4).items()}
        shared = overlaps(corpora)
        assert all(row.test_tokens is None for row in shared)
        paths = write_figures(corpora, shared, tmp_path / "f")
        assert "dev" not in paths[0].read_text()
        assert "–" in paths[2].read_text()

    def test_a_split_without_labels_has_no_tags(self, tmp_path: Path) -> None:
        corpora = {
            name: {**splits, "test": [Sentence(one.tokens, (None,) * len(one), one.line) for one in splits["test"]]}
            for name, splits in made(3, 4).items()
        }
        paths = write_figures(corpora, overlaps(corpora), tmp_path / "f")
        texts = [" ".join(ET.parse(path).getroot().itertext()) for path in paths]
        assert "test" in texts[0] and "dev" in texts[1] and "test" not in texts[1]

    def test_names_and_tags_are_taken_as_they_are(self, tmp_path: Path) -> None:
        tags = ("$x_1$", "<b>&", "اسم", "名詞")
        sentence = Sentence(("a", "b", "c", "d"), tags, 1)
        corpora = {name: {"train": [sentence], "dev": [sentence]} for name in ("$a_b$", "<i>")}
        paths = write_figures(corpora, overlaps(corpora), tmp_path / "f")
        texts = [" ".join(ET.parse(path).getroot().itertext()) for path in paths]
        assert all("$a_b$" in text and "<i>" in text for text in texts)
        assert all(tag in texts[1] for tag in tags)

    @given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.lists(st.integers(1, 60), min_size=1, max_size=30))
    def test_the_bars_of_a_split_are_all_its_tokens(self, train: list[int], dev: list[int]) -> None:
        counts = {s: Counter({f"t{i}": n for i, n in enumerate(some)}) for s, some in (("train", train), ("dev", dev))}
        bars = shown_tags(counts, 10)
        assert len(bars) == min(len(counts["train"] | counts["dev"]), 10)
        for split in counts:
            assert sum(bar[split] for bar in bars.values()) == pytest.approx(1)
        shares = [bar["train"] for tag, bar in bars.items() if tag is not None]
        assert shares == sorted(shares, reverse=True)

    @pytest.mark.parametrize("count", [1, 5, 12])
    def test_panels_and_maps_stay_on_the_canvas_and_apart(self, count: int) -> None:
        corpora = made(*(1 + i % 13 for i in range(count)))
        tags = {
            task: {split: Counter(t for s in some for t in s.tags or ()) for split, some in splits.items()}
            for task, splits in corpora.items()
        }
        canvases = [tags_canvas(tags)]
        if count > 1:
            canvases.append(overlap_canvas(list(corpora), overlaps(corpora)))
        for canvas in canvases:
            boxes = np.array([ax.get_position().extents for ax in canvas.axes])
            assert (boxes > 0).all()
            assert (boxes < 1).all()
            for i, (left, bottom, right, top) in enumerate(boxes):
                for other_left, other_bottom, other_right, other_top in boxes[:i]:
                    assert other_right < left or right < other_left or other_top < bottom or top < other_bottom

    @pytest.mark.parametrize("name", ["a.pdf", "a.jpg", "a.b/c.txt"])
    def test_other_endings_are_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=r"is neither a folder nor a file that ends in \.svg or \.png"):
            write_figures(made(2), [], tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_may_have_any_name(self, tmp_path: Path) -> None:
        (tmp_path / "v1.2").mkdir()
        check_place(tmp_path / "v1.2")

    def test_what_cannot_be_written_has_a_clear_line(self, tmp_path: Path) -> None:
        with pytest.raises(DiskError, match=r"nowhere/a\.svg: cannot be written"):
            write_figures(made(2), [], tmp_path / "nowhere" / "a.svg")


def test_the_tables_have_a_row_and_a_column_for_each_task() -> None:
    corpora = made(2, 3)
    tables = list(overlap_tables(overlaps(corpora), unknown_words(corpora)))
    assert [str(title) for title, _ in tables[1:]] == [f"{title}, %" for title in OVERLAP_TITLES.values()]
    assert [table.row_count for _, table in tables] == [2] * (1 + len(OVERLAP_TITLES))
    assert [len(table.columns) for _, table in tables] == [3] * (1 + len(OVERLAP_TITLES))
    assert len(list(overlap_tables(overlaps(made(2)), unknown_words(made(2))))) == 1
    value = overlap_json(overlaps(corpora), unknown_words(corpora))
    assert json.loads(json.dumps(value))["overlap"][1]["other"] == "task-1"


def test_the_figure_of_the_docs_holds_no_words_but_its_own() -> None:
    text = " ".join(ET.parse(Path(__file__).parents[2] / "docs" / "overlap.svg").getroot().itertext())
    known = f"{' '.join(PAPER_SCHEMES)} {' '.join(MAP_TITLES.values())} {NOTE} in train of this task"
    assert set(re.findall(r"[A-Za-z]+", text)) <= set(re.findall(r"[A-Za-z]+", known))
