"""What a tagger gets wrong: kinds of mistakes, confusions of labels, words and sentences, words that training saw."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from tagmates.data.corpora import load_split
from tagmates.data.schemes import Score
from tagmates.data.sentence import Sentence, Span
from tagmates.data.task import Task
from tagmates.formatting import plural, points
from tagmates.html import table_html
from tagmates.training.evaluation import Evaluation
from tagmates.training.scores import Scores, gold_tags, units

Kind = Literal["type", "boundary", "boundary and type", "missed", "spurious"]
KINDS: Mapping[Kind, str] = {
    "type": "the right words, but another label",
    "boundary": "the right label, but other words that overlap",
    "boundary and type": "another label, and other words that overlap",
    "missed": "nothing was found there",
    "spurious": "nothing is there",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A unit of the gold tags, a predicted one, or both, that differ."""

    kind: Kind
    gold: Span | None
    predicted: Span | None

    @property
    def labels(self) -> tuple[str, str]:
        """The gold and the predicted label, "" where there is no unit; a span without a label is called ``span``."""
        gold, predicted = (None if unit is None else unit.label or "span" for unit in (self.gold, self.predicted))
        return gold or "", predicted or ""


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence of one task with its gold tags, the predicted ones, and the mistakes."""

    number: int  # in the split, from 1
    sentence: Sentence
    gold: tuple[str | None, ...]
    predicted: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def wrong(self) -> list[int]:
        """The indices of the tokens with another tag than the gold one."""
        pairs = zip(self.gold, self.predicted, strict=True)
        return [i for i, (gold, guess) in enumerate(pairs) if gold is not None and gold != guess]


@dataclass(frozen=True, slots=True)
class WrongWord:
    """A word, how often it is tagged wrong, and the most frequent wrong tag of it."""

    word: str
    wrong: int
    count: int
    gold: str
    predicted: str
    times: int  # of that gold and that predicted tag


@dataclass(frozen=True, slots=True)
class Share:
    """So many of the gold units are found."""

    right: int = 0
    count: int = 0

    @property
    def percent(self) -> float | None:
        """The recall in percent; None if there are no units."""
        return 100 * self.right / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class TaskMistakes:
    """The mistakes of one task."""

    task: str
    total: Scores
    by_type: Mapping[str, Scores]
    sentences: tuple[TaggedSentence, ...]  # all of the split
    seen: Share | None  # units whose words are all in train, in any case of letters; None without a train split
    unseen: Share | None

    @property
    def mistakes(self) -> list[Mistake]:
        """All mistakes, sentence by sentence."""
        return [mistake for sentence in self.sentences for mistake in sentence.mistakes]

    @property
    def kinds(self) -> dict[Kind, int]:
        """The number of mistakes of every kind."""
        counts = Counter(mistake.kind for mistake in self.mistakes)
        return {kind: counts[kind] for kind in KINDS}

    @property
    def confusions(self) -> list[tuple[str, str, Kind, int]]:
        """Gold label, predicted label ("" for none), kind and count; the most frequent first."""
        counts = Counter((*mistake.labels, mistake.kind) for mistake in self.mistakes)
        return sorted(((*key, n) for key, n in counts.items()), key=lambda row: (-row[3], row[:3]))

    @property
    def words(self) -> list[WrongWord]:
        """The words that are tagged wrong, the most frequently wrong first."""
        counts = Counter(chain.from_iterable(own.sentence.tokens for own in self.sentences))
        pairs: dict[str, Counter[tuple[str, str]]] = {}
        for own in self.sentences:
            for i in own.wrong:
                pair = own.gold[i] or "", own.predicted[i]
                pairs.setdefault(own.sentence.tokens[i], Counter())[pair] += 1
        found = []
        for word, own_pairs in pairs.items():
            ((gold, predicted), times) = min(own_pairs.items(), key=lambda item: (-item[1], item[0]))
            found.append(WrongWord(word, own_pairs.total(), counts[word], gold, predicted, times))
        return sorted(found, key=lambda row: (-row.wrong, row.count, row.word))

    @property
    def worst(self) -> list[TaggedSentence]:
        """The sentences with mistakes, those with most first, and shorter ones before longer ones."""
        wrong = [own for own in self.sentences if own.mistakes]
        return sorted(wrong, key=lambda own: (-len(own.mistakes), len(own.sentence), own.number))

    def _repr_html_(self) -> str:
        """The scores of the tags, the most frequent first, for notebooks."""
        rows = [
            [label or "span", *(points(value) for value in (own.precision, own.recall, own.f1)), f"{own.support:,}"]
            for label, own in sorted(self.by_type.items(), key=lambda item: (-item[1].support, item[0]))
        ]
        said = f"{self.task}: F1 {points(self.total.f1)}, {plural(len(self.mistakes), 'mistake')}"
        return table_html(("tag", "precision", "recall", "F1", "support"), rows, said)

    def to_json(self) -> dict[str, Any]:
        """The counts: kinds, confusions, and the recall of units with words that training saw or did not see."""
        return {
            "kinds": self.kinds,
            "confusions": [
                {"gold": gold, "predicted": predicted, "kind": kind, "count": count}
                for gold, predicted, kind, count in self.confusions
            ],
            **{
                name: {"right": share.right, "count": share.count}
                for name, share in (("seen", self.seen), ("unseen", self.unseen))
                if share is not None
            },
        }


def find_mistakes(evaluation: Evaluation) -> dict[str, TaskMistakes]:
    """The mistakes of every task of an evaluation."""
    return {name: _of_task(evaluation, name) for name in evaluation.names}


def _of_task(evaluation: Evaluation, name: str) -> TaskMistakes:
    task = evaluation.tasks[name]
    gold = gold_tags(evaluation.gold[name], task)
    words = _train_words(task)
    known_words = words or set()
    sentences, shares = [], {True: [0, 0], False: [0, 0]}
    rows = zip(evaluation.gold[name], gold, evaluation.predicted[name], strict=True)
    for number, (sentence, right, guess) in enumerate(rows, start=1):
        expected, found = _units(right, guess, task.score, task.trained_outside)
        predicted = set(found)
        sentences.append(TaggedSentence(number, sentence, right, tuple(guess), tuple(compare_units(expected, found))))
        for unit in expected if words is not None else ():
            seen = all(token.lower() in known_words for token in sentence.tokens[unit.start : unit.end])
            shares[seen][0] += unit in predicted
            shares[seen][1] += 1
    known, new = (None if words is None else Share(*shares[seen]) for seen in (True, False))
    scores = evaluation.scores[name]
    return TaskMistakes(name, scores.total, scores.by_type, tuple(sentences), known, new)


def _units(
    gold: Sequence[str | None], predicted: Sequence[str], reading: Score, outside: str
) -> tuple[list[Span], list[Span]]:
    """The units of gold and predicted tags that are scored: no predicted one with a token that has no label."""
    found = units(predicted, reading, outside)
    return units(gold, reading, outside), [unit for unit in found if None not in gold[unit.start : unit.end]]


def _train_words(task: Task) -> set[str] | None:
    """The lower-cased words of the task's train split; None if there is none."""
    if task.part("train") is None:
        return None
    return {token.lower() for sentence in load_split(task, "train") for token in sentence.tokens}


def compare_units(gold: Iterable[Span], predicted: Iterable[Span]) -> list[Mistake]:
    """The mistakes of one sentence, in order; its units are in order, too, and no gold or predicted ones overlap.

    Units that are the same are right. Each other gold unit is paired with at most one predicted unit that overlaps it,
    those with the same words first, then those with the same label, then those with more words in common. What remains
    is missed or spurious.
    """
    expected, found = dict.fromkeys(gold), dict.fromkeys(predicted)
    wrong = {unit: None for unit in expected if unit not in found}
    guesses = {unit: None for unit in found if unit not in expected}
    pairs = [(_closeness(unit, guess), unit, guess) for unit, guess in _overlapping(wrong, [*guesses])]
    mistakes = []
    for _, unit, guess in sorted(pairs, key=lambda pair: pair[0], reverse=True):
        if unit in wrong and guess in guesses:
            del wrong[unit], guesses[guess]
            mistakes.append(Mistake(_kind(unit, guess), unit, guess))
    mistakes += [Mistake("missed", unit, None) for unit in wrong]
    mistakes += [Mistake("spurious", None, guess) for guess in guesses]
    return sorted(mistakes, key=lambda mistake: (mistake.gold or mistake.predicted or Span(0, 0, "")).start)


def _overlapping(wrong: Iterable[Span], guesses: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    starts, ends = [guess.start for guess in guesses], [guess.end for guess in guesses]
    for unit in wrong:
        for guess in guesses[bisect_right(ends, unit.start) : bisect_left(starts, unit.end)]:
            yield unit, guess


def _common(unit: Span, guess: Span) -> int:
    return min(unit.end, guess.end) - max(unit.start, guess.start)


def _closeness(unit: Span, guess: Span) -> tuple[bool, bool, int]:
    same_words = (unit.start, unit.end) == (guess.start, guess.end)
    return same_words, unit.label == guess.label, _common(unit, guess)


def _kind(unit: Span, guess: Span) -> Kind:
    if (unit.start, unit.end) == (guess.start, guess.end):
        return "type"
    return "boundary" if unit.label == guess.label else "boundary and type"


@dataclass(frozen=True, slots=True)
class MistakeComparison:
    """The gold units of a task that both taggers find, only one of them, or neither; and where they differ."""

    both: int
    only_first: int
    only_second: int
    neither: int
    differing: tuple[tuple[TaggedSentence, TaggedSentence], ...]  # sentences with other mistakes


def compare_mistakes(first: TaskMistakes, second: TaskMistakes) -> MistakeComparison:
    """Two taggers on the same sentences. The sentences where the second one makes more mistakes come first."""
    counts: Counter[tuple[bool, bool]] = Counter()
    differing = []
    for own, other in zip(first.sentences, second.sentences, strict=True):
        missing = [{m.gold for m in each.mistakes if m.gold} for each in (own, other)]
        for unit in missing[0] | missing[1]:
            counts[unit not in missing[0], unit not in missing[1]] += 1
        if own.predicted != other.predicted and own.mistakes != other.mistakes:
            differing.append((own, other))
    differing.sort(key=lambda pair: (len(pair[0].mistakes) - len(pair[1].mistakes), pair[0].number))
    wrong = counts[True, False] + counts[False, True] + counts[False, False]
    both = first.total.support - wrong
    return MistakeComparison(both, counts[True, False], counts[False, True], counts[False, False], tuple(differing))
