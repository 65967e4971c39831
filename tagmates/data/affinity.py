"""How much the training data of one task may say about another task, before anything is trained.

On the grids of pairs that are published, two things predict how much a task gains from a helper (``bench/replay.py``):

* how much its tags say about the tags of the task: their mutual information over the words that both tasks have;
* how much information it brings: the entropy of its tags times the number of its tokens, in bits.

Both come from train splits alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from tagmates.data.indexing import IndexedSplit

Floats = npt.NDArray[np.float64]
DIGITS = 6  # after the point, of a mutual information and of bits; further ones are rounding, and would rank equals


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The labelled tokens of a task's train split."""

    tokens: int
    tags: int  # distinct ones
    entropy: float  # of a token's tag, in bits

    @property
    def information(self) -> float:
        """Bits of all its tags: entropy times tokens."""
        return self.entropy * self.tokens


@dataclass(frozen=True, slots=True)
class Affinity:
    """The properties of a helper for a task that the training data show."""

    task: str
    helper: str
    shared_words: float  # share of the task's tokens whose word the helper's train split has too
    mutual_information: float  # of both tasks' tags over shared words, divided by the geometric mean of their entropies
    helper_information: float  # bits of all tags of the helper
    rank: float  # mean rank by the last two among the helpers of the task, from -1 (last by both) to 1 (first by both)


def describe_training_data(train: IndexedSplit) -> TrainingData:
    """Count the labelled tokens of a train split and the entropy of their tags."""
    counts = np.bincount(train.tag, minlength=len(train.tags))
    labelled = counts[[tag is not None for tag in train.tags]]
    labelled = labelled[labelled > 0]
    return TrainingData(int(labelled.sum()), len(labelled), _entropy(labelled / max(labelled.sum(), 1)))


def affinities(trains: Mapping[str, IndexedSplit]) -> list[Affinity]:
    """The affinity of every task with every other, given their train splits; task by task, in their order."""
    words: dict[str, int] = {}
    tables = {task: _tag_counts(train, words) for task, train in trains.items()}
    data = {task: describe_training_data(train) for task, train in trains.items()}
    information = {frozenset(pair): 0.0 for pair in permutations(trains, 2)}
    for pair in information:
        one, other = pair
        information[pair] = _mutual_information(tables[one], tables[other])
    found = []
    for task in trains:
        helpers = [helper for helper in trains if helper != task]
        tokens = _row_sums(tables[task])
        bits = [round(data[helper].information, DIGITS) for helper in helpers]
        mutual = [information[frozenset((task, helper))] for helper in helpers]
        for helper, rank, told, own in zip(helpers, _mean_rank(mutual, bits).tolist(), mutual, bits, strict=True):
            known = _row_sums(tables[helper]) > 0
            size = min(len(tokens), len(known))
            shared = float(tokens[:size][known[:size]].sum() / max(tokens.sum(), 1))
            found.append(Affinity(task, helper, shared, told, own, rank))
    return found


def _tag_counts(train: IndexedSplit, words: dict[str, int]) -> sparse.csr_array:
    """How often each word has each tag; ``words`` numbers the lower-cased words of all tasks, and grows."""
    numbers = np.array([words.setdefault(form.lower(), len(words)) for form in train.forms], dtype=np.int64)
    labelled = np.array([tag is not None for tag in train.tags])[train.tag]
    rows, columns = numbers[train.form[labelled]], train.tag[labelled]
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(words), len(train.tags)))


def _row_sums(table: sparse.csr_array) -> Floats:
    return np.asarray(table.sum(1), dtype=np.float64).ravel()


def _mutual_information(one: sparse.csr_array, other: sparse.csr_array) -> float:
    """Of the tags of two tasks over the words that both have, each word counted once, from 0 to 1."""
    size = min(one.shape[0], other.shape[0])
    sums = [_row_sums(table)[:size] for table in (one, other)]
    shared = np.flatnonzero((sums[0] > 0) & (sums[1] > 0))
    if not len(shared):
        return 0.0
    shares = [
        sparse.diags_array(1 / own[shared]) @ table[shared] for own, table in zip(sums, (one, other), strict=True)
    ]
    joint = (shares[0].T @ shares[1]).toarray() / len(shared)
    entropies = _entropy(joint.sum(1)), _entropy(joint.sum(0))
    if min(entropies) < 10.0**-DIGITS:  # all these words have the same tag
        return 0.0
    told = sum(entropies) - _entropy(joint.ravel())
    return max(0.0, round(told / float(np.sqrt(entropies[0] * entropies[1])), DIGITS))


def _entropy(shares: Floats) -> float:
    shares = shares[shares > 0]
    return abs(float(-(shares * np.log2(shares)).sum()))


def _mean_rank(*values: Sequence[float]) -> Floats:
    """The mean of the ranks by each list, scaled from -1 to 1."""
    ranks = np.mean([_ranks(np.array(some)) for some in values], axis=0)
    return np.zeros(len(ranks)) if len(ranks) == 1 else 2 * (ranks - 1) / (len(ranks) - 1) - 1


def _ranks(values: Floats) -> Floats:
    """From 1 for the lowest; equal values share the mean of their ranks."""
    below, equal = values[:, None] > values, values[:, None] == values
    ranks: Floats = below.sum(1) + (equal.sum(1) + 1) / 2
    return ranks
