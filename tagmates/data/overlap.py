"""What tasks have in common, which one wants to know before training them jointly: words and sentences."""

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
    """How much of ``task`` the train split of ``other`` has too, as shares from 0 to 1; None where there is nothing.

    Words are lower-cased; sentences are those of three words or more, case as it is. A share of ``test_sentences``
    above 0 is a leak: what trains on ``other`` has seen them.
    """

    task: str
    other: str
    types: float | None  # distinct words of train
    test_tokens: float | None
    train_sentences: float | None
    test_sentences: float | None
    num_test_sentences: int  # those that both have


@dataclass(frozen=True, slots=True)
class UnknownWords:
    """Shares of a task's test tokens, lower-cased, that are not in train: of the task, of any task."""

    task: str
    own: float | None
    all_tasks: float | None


def overlaps(corpora: Corpora) -> list[Overlap]:
    """Of every task with every task, itself included."""
    words = {task: {split: _words(some) for split, some in splits.items()} for task, splits in corpora.items()}
    numbers: defaultdict[tuple[str, ...], int] = defaultdict(count().__next__)  # hashing a tuple takes its time
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
    """The words that a tagger meets first in test, alone and when all tasks are trained jointly."""
    trained = {task: _words(splits["train"]) for task, splits in corpora.items()}
    everything = set().union(*trained.values())
    return [
        UnknownWords(task, _rest(share_known(test, trained[task])), _rest(share_known(test, everything)))
        for task, splits in corpora.items()
        for test in [_words(splits.get("test", ()))]
    ]


def share_known(items: Counter[Any], known: Container[Hashable]) -> float | None:
    """The share of the items, each as often as it occurs, that are known; None of no items."""
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
