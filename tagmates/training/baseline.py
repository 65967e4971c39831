"""A baseline that every trained tagger should exceed: the most frequent tag of each word."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tagmates.data.corpora import load_split
from tagmates.data.sentence import Sentence
from tagmates.data.task import Task
from tagmates.training.scores import TaskScores, score_sentences


def baseline_scores(tasks: Mapping[str, Task], names: Iterable[str], split: str) -> dict[str, TaskScores]:
    """The baseline's scores per task: it tags a word that is not in train with the most frequent tag of train."""
    scores = {}
    for name in names:
        gold = load_split(tasks[name], split)
        guesses = most_frequent(load_split(tasks[name], "train"), gold)
        scores[name] = score_sentences(gold, guesses, tasks[name])
    return scores


def most_frequent(train: Sequence[Sentence], sentences: Sequence[Sentence]) -> list[list[str]]:
    """The most frequent tag of each (lower-cased) word in train; the alphabetically first of equally frequent ones."""
    by_word: dict[str, Counter[str]] = defaultdict(Counter)
    overall: Counter[str] = Counter()
    for sentence in train:
        for token, tag in zip(sentence.tokens, sentence.labels, strict=True):
            if tag is not None:
                by_word[token.lower()][tag] += 1
                overall[tag] += 1
    best_of_word = {word: _most_frequent_tag(counts) for word, counts in by_word.items()}
    other = _most_frequent_tag(overall)
    return [[best_of_word.get(token.lower(), other) for token in sentence.tokens] for sentence in sentences]


def _most_frequent_tag(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))
