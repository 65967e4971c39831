"""The trivial tagger that every trained one should beat: each word's most frequent tag."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from tagmates.data.corpora import load_split
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.data.task_data import reading_of
from tagmates.training.scores import TaskScores, gold_tags, score


def baseline_scores(tasks: Mapping[str, Task], names: Iterable[str], split: str) -> dict[str, TaskScores]:
    """Scores per task of the most frequent tag of the (lower-cased) word in train, else of the whole of train."""
    scores = {}
    for name in names:
        gold = load_split(tasks[name], split)
        guesses = most_frequent(load_split(tasks[name], "train"), gold)
        tags = gold_tags(gold, tasks[name])
        reading = reading_of(tasks[name], set(chain.from_iterable(tags)))
        scores[name] = score(tags, guesses, reading, tasks[name].trained_outside)
    return scores


def most_frequent(train: Sequence[Sentence], sentences: Sequence[Sentence]) -> list[list[str]]:
    """The tags that the baseline gives; of equally frequent tags the alphabetically first."""
    by_word: dict[str, Counter[str]] = defaultdict(Counter)
    overall: Counter[str] = Counter()
    for sentence in train:
        for token, tag in zip(sentence.tokens, sentence.labels, strict=True):
            if tag is not None:
                by_word[token.lower()][tag] += 1
                overall[tag] += 1
    of_word = {word: _top(counts) for word, counts in by_word.items()}
    other = _top(overall)
    return [[of_word.get(token.lower(), other) for token in sentence.tokens] for sentence in sentences]


def _top(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))
