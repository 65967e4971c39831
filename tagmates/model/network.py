"""The tagger's tensor functions over lanes: encode a batch, its losses, its best tags (protocol section 1)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.data.batches import Batch, Group
from tagmates.model.crf import LinearChainCRF
from tagmates.model.embedding import Dropout, encode_forms, look_up, stack_layers
from tagmates.model.gru import stacked
from tagmates.model.module import Tables, TaggerModule


def encode(
    models: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None = None,
    tables: Sequence[Tables] | None = None,
) -> Float[Tensor, "lanes positions states"]:
    """The word encoder's states; ``draws`` (one per lane) switch dropout on, ``tables`` replace the models' own."""
    tables = tables or [model.tables() for model in models]
    settings = [model.settings for model in models]
    forms = encode_forms(
        [model.characters for model in models],
        [table.characters for table in tables],
        batch.spelling,
        batch.characters,
        Dropout([s.character_dropout for s in settings], draws),
    )
    spelled = look_up(list(forms), batch.form)
    words = look_up([table.words for table in tables], batch.word)
    values = torch.cat([spelled, words], -1)
    drop = Dropout([s.dropout for s in settings], draws)
    return stack_layers(values, batch.packed, [list(model.encoder) for model in models], drop)


def distribution(
    models: Sequence[TaggerModule], group: Group, states: Float[Tensor, "lanes positions size"]
) -> LinearChainCRF:
    """The CRF of one group of decoders over the encoder's states."""
    decoders = [models[lane].decoder(number) for lane, number in group.decoders]
    width = states.shape[-1]
    emissions = torch.baddbmm(
        stacked([decoder.bias for decoder in decoders]).unsqueeze(1),
        states if group.whole else states.flatten(0, 1)[group.source],  # [decoders, positions, width]
        stacked([decoder.weight[:, :width] for decoder in decoders]).transpose(1, 2),
    )
    if any(models[lane].tasks is not None for lane, _ in group.decoders):
        # what te_dec concatenates to the states is one vector per sentence: its product is added, not repeated
        scores = [
            _task_scores(models[lane], n, task) for (lane, n), task in zip(group.decoders, group.task, strict=True)
        ]
        emissions = emissions + torch.stack(scores)[:, group.packed.row]
    return LinearChainCRF(
        emissions,
        stacked([decoder.transitions for decoder in decoders]),
        stacked([decoder.start for decoder in decoders]),
        stacked([decoder.end for decoder in decoders]),
        group.packed,
    )


def _task_scores(model: TaggerModule, decoder: int, task: Int[Tensor, " rows"]) -> Float[Tensor, "rows labels"]:
    """What the task embedding adds to the label scores of a sentence; 0 for models without one."""
    weight = model.decoder(decoder).weight
    if model.tasks is None:
        return weight.new_zeros(len(task), len(weight))
    return model.tasks[task] @ weight[:, -model.tasks.shape[1] :].t()


def losses(
    models: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None,
    weights: Sequence[Float[Tensor, " _"]],
    transition_l2: Sequence[float],
) -> Float[Tensor, " lanes"]:
    """Each lane's loss: weighted negative log-likelihood over sentences plus the L2 term (protocol section 3)."""
    states = encode(models, batch, draws)
    total = [rate * model.transition_norm() for model, rate in zip(models, transition_l2, strict=True)]
    for group in batch.groups:
        log_prob = distribution(models, group, states).log_prob(group.tags)
        for (lane, _), task, row in zip(group.decoders, group.task, log_prob, strict=True):
            total[lane] = total[lane] - (weights[lane][task] * row).sum()
    return torch.stack(total)


@torch.no_grad()
def decode(
    models: Sequence[TaggerModule], batch: Batch, tables: Sequence[Tables] | None = None
) -> list[dict[int, list[int]]]:
    """For every lane, from the request's number to its best label numbers."""
    states = encode(models, batch, tables=tables)
    found: list[dict[int, list[int]]] = [{} for _ in models]
    for group in batch.groups:
        best, packed, request = distribution(models, group, states).argmax(), group.packed, group.request.tolist()
        by_row = (packed.row * len(packed.offsets) + packed.step).argsort()
        tags = best[:, by_row].tolist()
        starts = [0, *packed.row.bincount().cumsum(0).tolist()]
        for (lane, _), mine, lengths, numbers in zip(
            group.decoders, tags, packed.lengths.tolist(), request, strict=True
        ):
            for start, length, number in zip(starts, lengths, numbers, strict=False):
                if length:
                    found[lane][number] = mine[start : start + length]
    return found
