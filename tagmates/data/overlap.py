"""The overlap of tasks in words and sentences, which matters when they are trained jointly."""

from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from tagmates.data.corpora import Corpora
from tagmates.data.sentence import Sentence

MIN_SHARED_WORDS = 3  # shorter sentences are the same by chance


@dataclass(frozen=True, slots=True)
class Overlap:
    """The shares (0 to 1) of ``task`` that are also in the train split of ``other``; None if ``task`` has no items.

    Words are lower-cased. Only sentences of three words or more count; their case matters. A share of
    ``test_sentences`` above 0 is a leak: training on ``other`` sees them.
    """

    task: str
    other: str
    types: float | None  # distinct words of train
    test_tokens: float | None
    train_sentences: float | None
    test_sentences: float | None
    num_test_sentences: int  # number of test sentences in both


@dataclass(frozen=True, slots=True)
class UnknownWords:
    """Shares of a task's lower-cased test tokens that are not in its own train split, or not in that of any task."""

    task: str
    own: float | None
    all_tasks: float | None


def overlaps(corpora: Corpora) -> list[Overlap]:
    """The overlap of every task with every task, including itself."""
    words = {task: {split: _words(some) for split, some in splits.items()} for task, splits in corpora.items()}
    numbers: defaultdict[tuple[str, ...], int] = defaultdict(
        count().__next__
    )  # faster than hashing tuples again and again
    sentences = {
        task: {
            split: Counter(numbers[s.tokens] for s in some if len(s) >= MIN_SHARED_WORDS)
            for split, some in splits.items()
        }
        for task, splits in corpora.items()
    }
    return [
        Overlap(
            task,
            other,
            types=share_known(Counter(words[task]["train"].keys()), words[other]["train"]),
            test_tokens=share_known(words[task].get("test", Counter()), words[other]["train"]),
            train_sentences=share_known(sentences[task]["train"], sentences[other]["train"]),
            test_sentences=share_known(tests := sentences[task].get("test", Counter()), sentences[other]["train"]),
            num_test_sentences=sum(n for sentence, n in tests.items() if sentence in sentences[other]["train"]),
        )
        for task in corpora
        for other in corpora
    ]


def unknown_words(corpora: Corpora) -> list[UnknownWords]:
    """The shares of words that are new in test, for each task alone and when all tasks are trained jointly."""
    trained = {task: _words(splits["train"]) for task, splits in corpora.items()}
    everything = set().union(*trained.values())
    return [
        UnknownWords(task, _rest(share_known(test, trained[task])), _rest(share_known(test, everything)))
        for task, splits in corpora.items()
        for test in [_words(splits.get("test", ()))]
    ]


def share_known(items: Counter[Any], known: Container[Hashable]) -> float | None:
    """The share of known items, each counted as often as it occurs; None if there are no items."""
    return sum(n for item, n in items.items() if item in known) / items.total() if items else None


def overlap_json(overlap: Sequence[Overlap], unknown: Iterable[UnknownWords]) -> Mapping[str, Any]:
    """A JSON object."""
    return {"overlap": [asdict(row) for row in overlap], "unknown_words": [asdict(row) for row in unknown]}


def _words(sentences: Iterable[Sentence]) -> Counter[str]:
    forms = Counter(token for sentence in sentences for token in sentence.tokens)
    words: Counter[str] = Counter()
    for form, n in forms.items():
        words[form.lower()] += n
    return words


def _rest(value: float | None) -> float | None:
    return None if value is None else 1 - value
