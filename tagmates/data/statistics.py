"""The statistics of data sets in the paper's Table 1."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from tagmates.data.corpora import load_corpora, load_split
from tagmates.data.sentence import Sentence
from tagmates.data.task import SPLITS, Task


def table1(tasks: Mapping[str, Task], names: Iterable[str]) -> list[dict[str, Any]]:
    """One row per task: sentences, tokens and token/type ratio of train and of all splits, labels, label entropy.

    Types are lower-cased. Labels are the distinct full tags of all splits, including O. The entropy is that of the
    labels in train, in nats. The paper prints one decimal, and only one number of sentences for two tasks of one data
    set.
    """
    return [statistics(name, load_splits(tasks[name])) for name in names]


def load_splits(task: Task) -> Mapping[str, Sequence[Sentence]]:
    """The sentences of all splits of the task, from the cache if it has them."""
    if task.dev is not None:
        return load_corpora({task.name: task}, [task.name])[task.name]
    return {split: load_split(task, split) for split in SPLITS if task.part(split)}


def statistics(name: str, splits: Mapping[str, Sequence[Sentence]]) -> dict[str, Any]:
    """The row of one task, from the sentences of its splits; beside Table 1 the sizes of each split."""
    train = splits["train"]
    everything = [sentence for split in splits.values() for sentence in split]
    return {
        "task": name,
        "sentences_train": len(train),
        "sentences_all": len(everything),
        "token_type_train": token_type_ratio(train),
        "token_type_all": token_type_ratio(everything),
        "labels": len({*chain.from_iterable(sentence.labels for sentence in everything)} - {None}),
        "label_entropy": label_entropy(train),
        **{f"sentences_{split}": len(splits[split]) for split in SPLITS if split in splits},
        **{f"tokens_{split}": sum(map(len, splits[split])) for split in SPLITS if split in splits},
    }


def token_type_ratio(sentences: Iterable[Sentence]) -> float:
    """Number of tokens over number of distinct lower-cased tokens."""
    counts = Counter(chain.from_iterable(sentence.tokens for sentence in sentences))
    return counts.total() / len(set(map(str.lower, counts)))


def label_entropy(sentences: Iterable[Sentence]) -> float:
    """Entropy of the distribution of labels over the tokens that have one, in nats."""
    counts = Counter(chain.from_iterable(sentence.labels for sentence in sentences))
    return entropy(Counter({tag: count for tag, count in counts.items() if tag is not None}))


def entropy(counts: Counter[str]) -> float:
    """The entropy of the distribution with these counts, in nats."""
    total = counts.total()
    return sum(n / total * math.log(total / n) for n in counts.values())
