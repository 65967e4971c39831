"""tagmates.training.scores: the units of protocol section 4, against references written in other terms."""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from helpers import make_corpora, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import PAPER
from strategies import layers, tried

from tagmates.config import Sharing
from tagmates.data.schemes import Scheme, Score, tags_of
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.training.scores import GoldUnits, Scores, TaskScores, gold_tags, score, signature, units

Sentences = list[list[str]]
Gold = list[list[str | None]]  # None: a token without a label
ByType = dict[str, Scores]

# The tag sequences of the paper's Table 2 (Changpinyo, Hu and Sha, COLING 2018, CC BY 4.0) and their numbers of units.
TABLE_2 = [
    ("ADV ADV PUNCT VERB PRON DET ADP DET ADJ NOUN PUNCT", 11),
    ("RB RB , VBP PRP DT IN DT JJ NN .", 11),
    ("B-NP E-NP S-ADVP S-VP S-ADJP B-VP E-VP S-NP S-PP B-NP I-NP E-NP O", 8),
    ("O B-PER I-PER E-PER O S-LOC O S-ORG O", 3),
    ("B I B I I O O B I I O O O O O O O O O O", 8),
    ("O n.GROUP O O v.stative O O O O O O p.Time p.Gestalt O v.possession p.Time n.TIME O O", 7),
    ("O adj.all noun.cognition O verb.communication O noun.communication O", 4),
    ("O Mental O O Object O Agentive O BoundedEvent O", 4),
    ("KEEP KEEP DEL KEEP DEL DEL DEL DEL DEL DEL DEL KEEP KEEP KEEP KEEP DEL KEEP KEEP KEEP", 19),
    ("O B-TARGET O B-TARGET O O", 2),
    ("O O O O O O O B-HTML B-HTML B-HTML O", 3),
]

some_tags = st.sampled_from(
    [f"{prefix}-{label}" for prefix in "BIES" for label in ("X", "Y", "X-Z", "O", "")]
    + ["O", "O", "B", "I", "E", "S", "X", "NN", "-LRB-", "-", "O-X", "b-X", "BI-X", ""]
)
sentences_of_tags = st.lists(some_tags, max_size=12)
some_gold = st.lists(st.lists(some_tags | st.none(), max_size=12), max_size=4)


readings = st.sampled_from(["spans", "prefix", "plain"])


@st.composite
def two_taggings(draw: st.DrawFn, golden: st.SearchStrategy[Gold], guessed: st.SearchStrategy[str] = some_tags) -> Any:
    """Gold, and what is predicted for it: often the same, or else most hits would be of single tokens."""
    gold = draw(golden)
    allowed = draw(st.sets(guessed, min_size=1))
    return gold, [[tag if tag in allowed and draw(st.booleans()) else draw(guessed) for tag in tags] for tags in gold]


def split(*sentences: str) -> list[list[str]]:
    return [sentence.split() for sentence in sentences]


def gold_of(task: str, part: str = "test") -> list[list[str]]:
    """The tags of a task's sentences, read without the package."""
    path = PAPER / task / f"{part}.conll"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    blocks = path.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    return [[line.split("\t")[1] for line in block.split("\n")] for block in blocks]


def reference_units(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Protocol section 4 as a grouping: each token says whether it goes on with the unit before it."""
    numbers: list[tuple[int, str] | None] = []
    number = 0
    before: tuple[str, str] = ("outside", "")
    for tag in tags:
        pieces = tag.split("-", 1)
        if tag == "O":
            kind = ("outside", "")
        elif len(pieces) == 2 and pieces[0] in {"B", "I", "E", "S"}:
            kind = ({"S": "B", "E": "I"}.get(pieces[0], pieces[0]), pieces[1])
        else:
            kind = ("alone", tag)
        goes_on = kind[0] == "I" and before[0] in ("B", "I") and before[1] == kind[1]
        number += not goes_on
        numbers.append(None if kind[0] == "outside" else (number, kind[1]))
        before = kind
    found = []
    for key, group in groupby(enumerate(numbers), key=lambda pair: pair[1]):
        places = [place for place, _ in group]
        if key is not None:
            found.append((places[0], places[-1] + 1, key[1]))
    return found


def plain_score(gold: Gold, guess: Sentences, reading: Score = "prefix") -> tuple[Scores, ByType, list[Scores]]:
    """Total, types and sentences by the letter: sets of units, each with whether it has a prefix."""

    def comparable(tags: Sequence[str | None]) -> set[tuple[Span, bool]]:
        named = [reading != "plain" and (tag or "")[:2] in ("B-", "I-", "E-", "S-") for tag in tags]
        bare = [reading == "spans" and tag in ("B", "I", "E", "S") for tag in tags]
        prefixed = list(map(max, named, bare))
        return {(span, prefixed[span.start]) for span in units(tags, reading)}

    by_type: ByType = {}
    sentences = []
    for right, guessed in zip(gold, guess, strict=True):
        wanted = comparable(right)
        got = {unit for unit in comparable(guessed) if None not in right[unit[0].start : unit[0].end]}
        sentences.append(Scores(len(wanted & got), len(got - wanted), len(wanted - got)))
        for kind, found in enumerate((wanted & got, got - wanted, wanted - got)):
            for span, _ in found:
                by_type[span.label] = by_type.get(span.label, Scores()) + Scores(*(int(i == kind) for i in range(3)))
    return sum(sentences, Scores()), dict(sorted(by_type.items())), sentences


def in_plain_terms(scores: TaskScores) -> tuple[Scores, ByType, list[Scores]]:
    return scores.total, scores.by_type, [Scores(*counts) for counts in scores.sentences.tolist()]


class TestUnits:
    @pytest.mark.parametrize(("tags", "count"), TABLE_2)
    def test_the_examples_of_table_2(self, tags: str, count: int) -> None:
        assert len(units(tags.split())) == count

    @pytest.mark.parametrize(
        ("tags", "spans"),
        [
            ("I-X", [(0, 1, "X")]),
            ("O I-X I-X", [(1, 3, "X")]),
            ("I-X I-Y I-Y", [(0, 1, "X"), (1, 3, "Y")]),
            ("B-X B-X", [(0, 1, "X"), (1, 2, "X")]),
            ("E-X", [(0, 1, "X")]),
            ("O E-X E-X", [(1, 3, "X")]),  # E counts as I, so it also goes on
            ("B-X E-X I-X", [(0, 3, "X")]),
            ("S-X I-X S-X", [(0, 2, "X"), (2, 3, "X")]),  # S counts as B, so it may go on
            ("B-X O I-X", [(0, 1, "X"), (2, 3, "X")]),
            ("B-X X I-X", [(0, 1, "X"), (1, 2, "X"), (2, 3, "X")]),
            ("B-X I I-X", [(0, 1, "X"), (1, 2, "I"), (2, 3, "X")]),
            ("B-a-b I-a-b I-a", [(0, 2, "a-b"), (2, 3, "a")]),
            ("", []),
            ("O O", []),
        ],
    )
    def test_prefixes(self, tags: str, spans: list[tuple[int, int, str]]) -> None:
        assert units(tags.split()) == [Span(*span) for span in spans]

    def test_equal_neighbours_of_plain_tags_never_merge(self) -> None:
        assert units(["NN", "NN", "KEEP", "KEEP"]) == [
            Span(0, 1, "NN"),
            Span(1, 2, "NN"),
            Span(2, 3, "KEEP"),
            Span(3, 4, "KEEP"),
        ]

    def test_bare_b_and_i_are_units_of_one_token(self) -> None:
        assert units(["B", "I", "I"]) == [Span(0, 1, "B"), Span(1, 2, "I"), Span(2, 3, "I")]

    @pytest.mark.parametrize("tag", ["-LRB-", "-RRB-", "-", "n.GROUP", "O-X", "o", "b-X", "_", "??", "X-Y", " ", ""])
    def test_any_other_tag_is_its_own_type(self, tag: str) -> None:
        assert units([tag, tag]) == [Span(0, 1, tag), Span(1, 2, tag)]

    @pytest.mark.parametrize("tag", ["ES-x", "BI-x", "IE-x", "IES-x", "BIES-x", "BIE-x"])
    def test_a_first_piece_of_several_letters_is_no_prefix(self, tag: str) -> None:
        assert units([tag, tag, "I-x"]) == [Span(0, 1, tag), Span(1, 2, tag), Span(2, 3, "x")]

    @given(tags=sentences_of_tags)
    def test_the_reference(self, tags: list[str]) -> None:
        assert [(span.start, span.end, span.label) for span in units(tags)] == reference_units(tags)

    @given(tags=sentences_of_tags)
    def test_units_cover_every_token_but_o_once(self, tags: list[str]) -> None:
        covered = [i for span in units(tags) for i in range(span.start, span.end)]
        assert covered == [i for i, tag in enumerate(tags) if tag != "O"]

    @given(tags=sentences_of_tags)
    def test_the_plain_reading(self, tags: list[str]) -> None:
        assert units(tags, "plain") == [Span(i, i + 1, tag) for i, tag in enumerate(tags) if tag != "O"]


class TestScore:
    def test_by_hand(self) -> None:
        gold = split("B-X E-X O S-Y", "NN O")
        guess = split("B-X I-X O S-X", "JJ NN")
        found = score(gold, guess)
        assert found.total == Scores(1, 3, 2)
        assert found.sentences.tolist() == [[1, 1, 1], [0, 2, 1]]
        assert found.by_type == {
            "JJ": Scores(0, 1, 0),
            "NN": Scores(0, 1, 1),
            "X": Scores(1, 1, 0),
            "Y": Scores(0, 0, 1),
        }
        assert (found.total.precision, found.total.support) == (25, 3)
        assert found.total.recall == pytest.approx(100 / 3)
        assert found.total.f1 == pytest.approx(100 * 2 / 7)

    def test_the_reading_decides(self) -> None:
        gold, guess = split("B-X I-X"), split("B-X O")
        assert score(gold, guess).total == Scores(0, 1, 1)
        assert score(gold, guess, "plain").total == Scores(1, 0, 1)

    def test_a_task_token_counts_only_when_it_is_wrong(self) -> None:
        assert score(split("O NN"), split("O NN")).total == Scores(1, 0, 0)
        assert score(split("O NN"), split("VB NN")).total == Scores(1, 1, 0)

    @pytest.mark.parametrize(("gold", "guess"), [("INTJ", "S-INTJ"), ("INTJ", "B-INTJ"), ("S-INTJ", "INTJ")])
    def test_a_foreign_tag_of_the_same_label_is_wrong(self, gold: str, guess: str) -> None:
        """Section 1: in one label space UPOS's INTJ may be tagged with CHUNK's S-INTJ."""
        assert score([[gold]], [[guess]]).total == Scores(0, 1, 1)

    def test_other_numbers_of_sentences_are_an_error(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            score(split("NN"), split("NN", "NN"))

    def test_other_numbers_of_tokens_are_an_error(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            score(split("NN O"), split("NN"))

    @settings(max_examples=tried(500))
    @given(two=two_taggings(some_gold), reading=readings)
    def test_the_plain_scorer(self, two: tuple[Gold, Sentences], reading: Score) -> None:
        found = in_plain_terms(score(*two, reading))
        assert found == plain_score(*two, reading)
        assert list(found[1]) == sorted(found[1])

    @settings(max_examples=tried(500))
    @given(data=st.data(), labels=st.lists(some_tags, min_size=1, unique=True), reading=readings)
    def test_gold_tags_that_cannot_be_predicted(self, data: st.DataObject, labels: list[str], reading: Score) -> None:
        """One reference serves several predictions; its gold tags stay what they are where the labels lack them."""
        gold = data.draw(some_gold)
        reference = GoldUnits.of(gold, labels, reading)
        number = st.integers(0, len(labels) - 1)
        for _ in range(2):
            guess = [
                [labels.index(tag) if tag in labels and data.draw(st.booleans()) else data.draw(number) for tag in tags]
                for tags in gold
            ]
            found = reference.score(np.array([k for numbers in guess for k in numbers], dtype=np.int64))
            wanted = plain_score(gold, [[labels[k] for k in numbers] for numbers in guess], reading)
            assert in_plain_terms(found) == wanted

    @given(two=two_taggings(st.lists(sentences_of_tags, max_size=4)), reading=readings)
    def test_sums_and_symmetry(self, two: tuple[Sentences, Sentences], reading: Score) -> None:
        gold, guess = two
        found, swapped = score(gold, guess, reading), score(guess, gold, reading)
        assert sum(found.by_type.values(), Scores()) == found.total
        assert Scores(*found.sentences.sum(0).tolist()) == found.total
        assert found.sentences.shape == (len(gold), 3)
        assert found.total.support == sum(len(units(tags, reading)) for tags in gold)
        assert swapped.total == Scores(found.total.tp, found.total.fn, found.total.fp)
        assert swapped.by_type.keys() == found.by_type.keys()
        assert all(swapped.by_type[k] == Scores(s.tp, s.fn, s.fp) for k, s in found.by_type.items())
        assert swapped.total.precision == found.total.recall
        assert swapped.total.f1 == pytest.approx(found.total.f1)
        p, r = found.total.precision, found.total.recall
        assert found.total.f1 == pytest.approx(2 * p * r / (p + r) if p + r else 0)

    def test_a_predicted_unit_that_touches_a_token_without_a_label_does_not_count(self) -> None:
        gold = [["B-X", "I-X", None, "B-Y", "O", None, "NN"]]
        assert score(gold, split("B-X I-X I-X B-Y B-Z I-Z NN")).total == Scores(2, 0, 1)  # X and Z go on in a None
        assert score(gold, split("B-X I-X O B-Y B-Z O NN")).total == Scores(3, 1, 0)
        assert score(gold, split("O O B-X I-X I-X X X")).total == Scores(0, 1, 3)
        assert score([[None, None], []], [["B-X", "NN"], []]).total == Scores()
        assert units(["B-X", None, "I-X"]) == [Span(0, 1, "X"), Span(2, 3, "X")]

    @given(scheme=st.sampled_from(["iob1", "iob2", "iobes"]), layer=layers(labels=("x", "y", "x-y")), data=st.data())
    def test_a_right_prediction_errs_nowhere_whatever_lacks_a_label(
        self, scheme: Scheme, layer: tuple[list[Span], int], data: st.DataObject
    ) -> None:
        """In IOBES, whose tags tell where a span ends, whatever is left out; in the others where it is whole spans."""
        spans, length = layer
        tags = list(tags_of(spans, length, scheme))
        missing = data.draw(st.sets(st.integers(0, max(length - 1, 0))))
        if scheme != "iobes":
            for span in spans:
                inside = set(range(span.start, span.end))
                missing = missing | inside if span.start in missing else missing - inside
        partly = Sentence(("w",) * length, tuple(None if i in missing else tag for i, tag in enumerate(tags)))
        gold = gold_tags([partly], Task(name="x", scheme=scheme))
        total = score(gold, [tags]).total
        assert (total.fp, total.fn) == (0, 0)
        assert total.tp == sum(not missing & set(range(span.start, span.end)) for span in spans)

    @given(gold=st.lists(sentences_of_tags, max_size=4))
    def test_a_perfect_prediction(self, gold: list[list[str]]) -> None:
        total = score(gold, gold).total
        assert (total.fp, total.fn) == (0, 0)
        assert total.f1 == (100 if total.tp else 0)

    def test_nothing_divided_by_nothing_is_0(self) -> None:
        for empty in (Scores(), score([], []).total, score(split("O"), split("O")).total):
            assert (empty.precision, empty.recall, empty.f1, empty.support) == (0, 0, 0, 0)
        assert (Scores(fp=3).precision, Scores(fp=3).recall, Scores(fp=3).f1) == (0, 0, 0)
        assert (Scores(fn=3).precision, Scores(fn=3).recall, Scores(fn=3).f1) == (0, 0, 0)
        assert score([], []).by_type == score(split("O"), split("O")).by_type == {}

    def test_signature_names_every_choice_on_one_line(self) -> None:
        line = signature(version="1.2", reading="prefix", split="test")
        assert "\n" not in line
        assert line.split("|")[0] == "metric:span-micro-f1"
        assert {"reading:prefix", "split:test", "version:tagmates-1.2"} <= set(line.split("|"))


# conlleval.pl's own terms: does a chunk end before this word, does one start at it, given the tags and types around


def chunk_ends(before: str, tag: str, type_before: str, type_: str) -> bool:
    if before == "B" and tag in ("B", "O"):
        return True
    if before == "I" and tag in ("B", "O"):
        return True
    return before != "O" and type_before != type_


def chunk_starts(before: str, tag: str, type_before: str, type_: str) -> bool:
    if before in ("B", "I", "O") and tag == "B":
        return True
    if before == "O" and tag == "I":
        return True
    return tag != "O" and type_before != type_


def as_conlleval(tag: str) -> tuple[str, str]:
    """Tag and type of a word; the protocol reads S as B and E as I first."""
    if tag == "O":
        return "O", ""
    letter, _, type_ = tag.partition("-")
    return letter.replace("S", "B").replace("E", "I"), type_


def conlleval(gold: list[list[str]], guess: list[list[str]]) -> tuple[int, int, int]:
    """Correct, found and gold chunks, counted word by word as conlleval does, an O between sentences."""
    correct = found = wanted = 0
    in_correct = False
    last, last_guess = ("O", ""), ("O", "")
    words: Iterator[tuple[str, str]] = (
        pair for one, other in zip(gold, guess, strict=True) for pair in [*zip(one, other, strict=True), ("O", "O")]
    )
    for right, guessed in words:
        now, now_guess = as_conlleval(right), as_conlleval(guessed)
        ends = chunk_ends(last[0], now[0], last[1], now[1])
        ends_guess = chunk_ends(last_guess[0], now_guess[0], last_guess[1], now_guess[1])
        if in_correct:
            if ends and ends_guess and last[1] == last_guess[1]:
                in_correct = False
                correct += 1
            elif ends != ends_guess or now[1] != now_guess[1]:
                in_correct = False
        starts = chunk_starts(last[0], now[0], last[1], now[1])
        starts_guess = chunk_starts(last_guess[0], now_guess[0], last_guess[1], now_guess[1])
        if starts and starts_guess and now[1] == now_guess[1]:
            in_correct = True
        wanted += starts
        found += starts_guess
        last, last_guess = now, now_guess
    return correct, found, wanted


def corrupted(gold: list[list[str]], rate: float) -> list[list[str]]:
    """Some tags replaced by any other tag of the set, so that ill-formed sequences are common."""
    draw = random.Random(7)
    tags = sorted({tag for sentence in gold for tag in sentence})
    return [[draw.choice(tags) if draw.random() < rate else tag for tag in sentence] for sentence in gold]


def well_formed(gold: list[list[str]]) -> list[list[str]]:
    """Whole spans of well-formed tags dropped, given another label or cut in two."""
    draw = random.Random(8)
    labels = sorted({tag[2:] for sentence in gold for tag in sentence if tag != "O"})

    def written(label: str, size: int) -> list[str]:
        return [f"S-{label}"] if size == 1 else [f"B-{label}", *[f"I-{label}"] * (size - 2), f"E-{label}"]

    def change(run: list[str]) -> list[str]:
        label, chance = run[0][2:], draw.random()
        if chance < 0.1:
            return ["O"] * len(run)
        if chance < 0.2:
            return written(draw.choice(labels), len(run))
        if chance < 0.3 and len(run) > 1:
            cut = draw.randrange(1, len(run))
            return written(label, cut) + written(label, len(run) - cut)
        return run

    changed = []
    for sentence in gold:
        new: list[str] = []
        run: list[str] = []
        for tag in sentence:
            run.append(tag)
            if tag[0] in "OES":
                new += run if tag == "O" else change(run)
                run = []
        changed.append(new)
    return changed


READINGS: dict[str, Score] = {"spans": "spans", "words": "plain", "more": "prefix"}


@pytest.mark.parametrize("unknown_rate", [0.0, 0.5])
@pytest.mark.parametrize("sharing", ["multi_dec", "te_dec", "te_enc"])
def test_the_scores_of_a_run(sharing: Sharing, unknown_rate: float) -> None:
    """Task by task, each in its reading, with task tokens where there are any and gold tags that training never saw."""
    tags = {
        "spans": ["O", "B-X", "I-X", "E-X", "S-Y"],
        "words": ["O", "X", "Y", "B-X", "I-X"],
        "more": ["I-X", "X", "-", "O"],
    }
    corpora = make_corpora(1, tags, train=30, unlabelled=0.2)
    corpora["spans"]["dev"][1:1] = [  # type: ignore[index]
        Sentence(("a", "b"), ("B-NEW", "I-NEW")), Sentence((), ()), Sentence(("c", "d")),
    ]  # fmt: skip
    run = make_run(corpora, sharing, training={"unknown_rate": unknown_rate})
    run.tasks = {name: Task(name=name, score=reading) for name, reading in READINGS.items()}
    corpus = run.corpora["dev"]
    labels = {name: run.vocabulary.labels[run.vocabulary.decoder_of(name)] for name in run.tasks}
    head = ("O",) if sharing == "te_enc" else ()
    for seed in range(20):
        draw = np.random.default_rng(seed)
        sizes = [len(labels[name]) for name, sentence in run.pairs("dev") for _ in (*head, *sentence.tokens)]
        guess = np.where(draw.random(len(sizes)) < 0.5, corpus.tags.clamp_min(0).numpy(), draw.integers(0, sizes))
        found = run.score("dev", guess)
        assert list(found) == list(tags)
        for name, reading in READINGS.items():
            mine = [i for i, (owner, _) in enumerate(run.pairs("dev")) if owner == name]
            gold = [[*head, *sentence.labels] for sentence in run.gold["dev"][name]]
            places = [range(int(corpus.starts[i]), int(corpus.starts[i] + corpus.lengths[i])) for i in mine]
            guessed = [[labels[name][guess[place]] for place in sentence] for sentence in places]
            assert in_plain_terms(found[name]) == plain_score(gold, guessed, reading)


class TestRealData:
    @pytest.mark.parametrize(
        ("task", "guess", "f1"),
        [
            ("com", lambda tag: "KEEP", 71.19),
            ("frame", lambda tag: "B-TARGET", 37.46),
            ("hyp", lambda tag: "B-HTML", 25.06),
            ("mwe", lambda tag: "I", 15.60),
        ],
    )
    def test_baselines_of_the_protocol(self, task: str, guess: Callable[[str], str], f1: float) -> None:
        gold = gold_of(task)
        assert round(score(gold, [[guess(tag) for tag in tags] for tags in gold]).total.f1, 2) == f1

    @pytest.mark.parametrize("task", ["chunk", "ner"])
    @pytest.mark.parametrize("rate", [0.0, 0.05, 0.5])
    def test_conlleval_counts_the_same(self, task: str, rate: float) -> None:
        gold = gold_of(task)
        guess = corrupted(gold, rate)
        total = score(gold, guess).total
        assert (total.tp, total.tp + total.fp, total.support) == conlleval(gold, guess)
        assert (rate == 0) == (total.f1 == 100)

    @pytest.mark.parametrize("task", ["chunk", "ner"])
    def test_seqeval_agrees_on_well_formed_tags(self, task: str) -> None:
        from seqeval.metrics import f1_score, precision_score, recall_score
        from seqeval.metrics.sequence_labeling import get_entities

        gold = gold_of(task)
        guess = well_formed(gold)
        total = score(gold, guess).total
        wanted, found = set(get_entities(gold)), set(get_entities(guess))
        assert (total.tp, total.fp, total.fn) == (len(wanted & found), len(found - wanted), len(wanted - found))
        assert 0 < total.fp < total.tp > total.fn > 0
        ratios = [f(gold, guess) for f in (precision_score, recall_score, f1_score)]
        assert [total.precision, total.recall, total.f1] == pytest.approx([100 * ratio for ratio in ratios])

    @pytest.mark.parametrize("task", ["upos", "xpos"])
    def test_parts_of_speech_are_token_accuracy(self, task: str) -> None:
        gold = gold_of(task)
        guess = corrupted(gold, 0.3)
        pairs = [pair for one, other in zip(gold, guess, strict=True) for pair in zip(one, other, strict=True)]
        accuracy = 100 * sum(right == guessed for right, guessed in pairs) / len(pairs)
        total = score(gold, guess).total
        assert [total.precision, total.recall, total.f1] == pytest.approx([accuracy] * 3)
