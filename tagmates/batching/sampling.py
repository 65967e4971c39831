"""The choice of the sentences of every batch of an epoch (protocol section 3)."""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.config import TrainingSettings
from tagmates.seeding import generator

_extending = threading.Lock()  # of the sums that ``_sums_of_epochs`` keeps
BUCKET_UPDATES = 50  # bucketed sentences are sorted by length within this many updates


def quotas(tasks: Sequence[str], batch_size: int, *, per_task: bool = False) -> list[int]:
    """The number of sentences of each task in a balanced batch.

    If the tasks do not divide ``batch_size``, the first tasks in alphabetical order get one more. With ``per_task``
    (setting ``batch_per_task``) every task gets ``batch_size``.
    """
    if per_task:
        return [batch_size] * len(tasks)
    each, left = divmod(batch_size, len(tasks))
    first = set(sorted(tasks)[:left])
    return [each + (task in first) for task in tasks]


def epoch_counts(
    tasks: Sequence[str], sizes: Sequence[int], settings: TrainingSettings, seed: int, epoch: int
) -> Int[Tensor, "updates tasks"]:
    """The number of sentences of each task in each update of an epoch; ``sizes`` are the tasks' training sets.

    With one task, an epoch is all sentences once, and the last batch may be smaller. With balanced sampling, it ends
    with the task that is used up first. Otherwise it has ceil(all sentences / batch size) updates, and the task of
    every sentence is drawn. The setting ``epoch_updates`` replaces these numbers of updates.
    """
    size = settings.batch_size
    updates = _updates_of_pass(tasks, sizes, settings)
    if len(tasks) == 1 and settings.epoch_updates is None:
        counts = torch.full((updates, 1), size)
        counts[-1] = sum(sizes) - size * (updates - 1)
        return counts
    if settings.sampling == "balanced":
        return torch.tensor(quotas(tasks, size, per_task=settings.batch_per_task)).expand(updates, -1)
    drawn = torch.multinomial(
        _shares(sizes, settings),
        updates * size,
        replacement=True,
        generator=generator(seed, "tasks of sentences", epoch),
    )
    return torch.nn.functional.one_hot(drawn, len(tasks)).view(updates, size, -1).sum(1)


def _updates_of_pass(tasks: Sequence[str], sizes: Sequence[int], settings: TrainingSettings) -> int:
    """The number of updates of one pass over the data, or of an epoch of ``epoch_updates``."""
    if settings.epoch_updates is not None:
        return settings.epoch_updates
    if len(tasks) > 1 and settings.sampling == "balanced":
        quota = quotas(tasks, settings.batch_size, per_task=settings.batch_per_task)
        return max(min(n // q for n, q in zip(sizes, quota, strict=True)), 1)
    return -(-sum(sizes) // settings.batch_size)


def _shares(sizes: Sequence[int], settings: TrainingSettings) -> Float[Tensor, " tasks"]:
    """The probability of each task to be drawn for a sentence, if sampling is not balanced."""
    temperature = settings.temperature if settings.sampling == "temperature" else 1.0
    # size ** (1 / temperature), normalised, without overflow
    return (torch.tensor(sizes, dtype=torch.float64).log() / temperature).softmax(0)


def passes_of_epoch(tasks: Sequence[str], sizes: Sequence[int], settings: TrainingSettings) -> int:
    """The number of passes over the data in an epoch: as few as make ``min_epoch_updates`` updates."""
    if settings.epoch_updates is not None:
        return 1
    return -(-settings.min_epoch_updates // _updates_of_pass(tasks, sizes, settings))


def updates_of_epoch(tasks: Sequence[str], sizes: Sequence[int], settings: TrainingSettings) -> int:
    """The number of updates of every epoch."""
    return passes_of_epoch(tasks, sizes, settings) * _updates_of_pass(tasks, sizes, settings)


def mean_epoch_counts(tasks: Sequence[str], sizes: Sequence[int], settings: TrainingSettings) -> list[float]:
    """The number of sentences of each task in an epoch; where they are drawn, its mean over all epochs."""
    updates = updates_of_epoch(tasks, sizes, settings)
    if len(tasks) == 1 and settings.epoch_updates is None:
        return [float(sizes[0] * passes_of_epoch(tasks, sizes, settings))]
    if settings.sampling == "balanced":
        quota = quotas(tasks, settings.batch_size, per_task=settings.batch_per_task)
        return [float(updates * each) for each in quota]
    return [updates * settings.batch_size * share for share in _shares(sizes, settings).tolist()]


def epoch_batches(
    tasks: Sequence[str],
    members: Sequence[Int[Tensor, " _"]],
    lengths: Int[Tensor, " all_sentences"],
    settings: TrainingSettings,
    seed: int,
    epoch: int,
) -> list[Int[Tensor, " _"]]:
    """The sentence numbers of every update of an epoch, which are a function of ``seed`` and ``epoch``.

    ``members`` are the sentence numbers of each task, ``lengths`` the lengths of all sentences. Each task's list is
    shuffled anew, and again whenever an epoch has used it up. With ``epoch_updates``, epochs are not passes over the
    data: an epoch then continues the lists where the last one stopped. If an epoch has several passes
    (``min_epoch_updates``), each pass is drawn as an epoch of its own.
    """
    passes = passes_of_epoch(tasks, [len(m) for m in members], settings)
    numbers = range(epoch * passes, (epoch + 1) * passes)
    return [batch for number in numbers for batch in _pass_batches(tasks, members, lengths, settings, seed, number)]


def _pass_batches(
    tasks: Sequence[str],
    members: Sequence[Int[Tensor, " _"]],
    lengths: Int[Tensor, " all_sentences"],
    settings: TrainingSettings,
    seed: int,
    epoch: int,
) -> list[Int[Tensor, " _"]]:
    """The batches of one pass over the data, or of one epoch of ``epoch_updates``; the passes are numbered from 0."""
    sizes = [len(m) for m in members]
    counts = epoch_counts(tasks, sizes, settings, seed, epoch)
    updates = len(counts)
    parts: list[list[Tensor]] = [[] for _ in range(updates)]
    for t, task in enumerate(tasks):
        needed = int(counts[:, t].sum())
        purpose = f"order {task}"
        if settings.epoch_updates is None:
            order = _shuffled(members[t], 0, needed, partial(generator, seed, purpose, epoch))
        else:
            before = _taken_before(epoch, tasks, sizes, settings, seed)
            order = _shuffled(members[t], before[t], needed, partial(generator, seed, purpose))
        ends = counts[:, t].cumsum(0).tolist()
        if settings.bucketed:
            cuts = [0, *ends[BUCKET_UPDATES - 1 :: BUCKET_UPDATES], needed]
            order = torch.cat([_by_length(order[a:b], lengths) for a, b in pairwise(cuts)])
        for update, chosen in enumerate(order.tensor_split(ends[:-1])):
            parts[update].append(chosen)
    batches = [torch.cat(part) for part in parts]
    if settings.bucketed:
        batches = [batches[i] for i in torch.randperm(updates, generator=generator(seed, "order of buckets", epoch))]
    return batches


def _shuffled(members: Tensor, start: int, needed: int, draw: Callable[[int], torch.Generator]) -> Tensor:
    """``needed`` sentences from index ``start`` of an endless list: the members, shuffled again and again."""
    size = len(members)
    first, end = start // size, -(-(start + needed) // size)
    rounds = [members[torch.randperm(size, generator=draw(r))] for r in range(first, end)]
    return torch.cat([torch.empty(0, dtype=torch.long), *rounds])[start - first * size :][:needed]


def _taken_before(
    epoch: int, tasks: Sequence[str], sizes: Sequence[int], settings: TrainingSettings, seed: int
) -> list[int]:
    """The number of sentences of each task that the epochs before this one took."""
    sums = _sums_of_epochs(tuple(tasks), tuple(sizes), settings.model_dump_json(), seed)
    with _extending:
        for number in range(len(sums) - 1, epoch):
            sums.append(sums[-1] + epoch_counts(tasks, sizes, settings, seed, number).sum(0))
    taken: list[int] = sums[epoch].tolist()
    return taken


@lru_cache(maxsize=1024)  # trainings in one process
def _sums_of_epochs(
    tasks: tuple[str, ...], sizes: tuple[int, ...], settings: str, seed: int
) -> list[Int[Tensor, " tasks"]]:
    """The sentences of each task in the first 0, 1, 2 … epochs, as many as were asked for so far."""
    return [torch.zeros(len(tasks), dtype=torch.long)]


def _by_length(sentences: Tensor, lengths: Tensor) -> Tensor:
    return sentences[lengths[sentences].argsort(stable=True)]
