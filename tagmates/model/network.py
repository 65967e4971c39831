"""The tagger's tensor functions over lanes: encode a batch, its losses, its best tags (protocol section 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tagmates.data.batches import Batch, Group
from tagmates.data.packing import on_device
from tagmates.model.crf import LinearChainCRF
from tagmates.model.embedding import Dropout, encode_forms, look_up, stack_layers
from tagmates.model.module import Decoder, Tables, TaggerModule
from tagmates.model.stacks import own, stacked


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
    weights = [decoder.weight for decoder in decoders]
    if len({weight.shape for weight in weights}) == 1:
        weight = stacked(weights)[..., :width]
    else:  # those of te_dec are wider
        weight = torch.stack([own(weight)[:, :width] for weight in weights])
    emissions = torch.baddbmm(
        stacked([decoder.bias for decoder in decoders]).unsqueeze(1),
        states if group.whole else _chosen(states, group.source),
        weight.transpose(1, 2),
    )
    embedded = [i for i, (lane, _) in enumerate(group.decoders) if models[lane].tasks is not None]
    if embedded:
        # what te_dec concatenates to the states is one vector per sentence: its product is added, not repeated
        tables = [table for i in embedded if (table := models[group.decoders[i][0]].tasks) is not None]
        chosen = None if len(embedded) == len(decoders) else on_device(embedded, states.device)
        tasks = look_up(tables, group.task if chosen is None else group.task[chosen])
        scores = torch.bmm(tasks, stacked([weights[i] for i in embedded])[..., width:].transpose(1, 2))
        scores = scores.index_select(1, group.packed.row)
        emissions = emissions + scores if chosen is None else emissions.index_add(0, chosen, scores)
    return LinearChainCRF(
        emissions,
        stacked([decoder.transitions for decoder in decoders]),
        stacked([decoder.start for decoder in decoders]),
        stacked([decoder.end for decoder in decoders]),
        group.packed,
    )


def _chosen(
    states: Float[Tensor, "lanes positions size"], source: Int[Tensor, "decoders places"]
) -> Float[Tensor, "decoders places size"]:
    """The states at these places of lanes x positions; unlike an index's, this gradient needs no sorting on a GPU."""
    return states.flatten(0, 1).index_select(0, source.flatten()).view(*source.shape, -1)


def losses(
    models: Sequence[TaggerModule],
    batch: Batch,
    draws: Sequence[torch.Generator] | None,
    weights: Float[Tensor, "lanes tasks"],
    transition_l2: Float[Tensor, " lanes"],
) -> Float[Tensor, " lanes"]:
    """Each lane's loss: weighted negative log-likelihood over sentences plus the L2 term (protocol section 3)."""
    states = encode(models, batch, draws)
    total = transition_l2 * transition_norms(models)
    for group in batch.groups:
        log_prob = distribution(models, group, states).log_prob(group.tags, partial=group.partial)
        lane = on_device([lane for lane, _ in group.decoders], log_prob.device)
        total = total.index_add(0, lane, -(weights[lane].gather(1, group.task) * log_prob).sum(1))
    return total


def transition_norms(models: Sequence[TaggerModule]) -> Float[Tensor, " lanes"]:
    """Of each lane the sum of the squared CRF transitions, starts and ends: what the L2 term weighs."""
    if len(models) == 1:
        parameters = [own(p).flatten() for d in models[0].all_decoders() for p in (d.transitions, d.start, d.end)]
        return torch.cat(parameters).square().sum().unsqueeze(0)
    by_size: dict[int, list[tuple[int, Decoder]]] = {}
    for lane, model in enumerate(models):
        for decoder in model.all_decoders():
            by_size.setdefault(len(decoder.start), []).append((lane, decoder))
    total = models[0].words.new_zeros(len(models))
    for members in by_size.values():
        lanes = on_device([lane for lane, _ in members], total.device)
        for part in ("transitions", "start", "end"):
            squares = stacked([getattr(decoder, part) for _, decoder in members]).square()
            total = total.index_add(0, lanes, squares.flatten(1).sum(1))
    return total


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is best for every token of all requests, in any order, and the tokens' places."""

    labels: Int[Tensor, " labels"]
    places: Int[Tensor, " labels"]
    probabilities: Float[Tensor, " labels"] | None  # marginals of the labels, where they were asked for


@torch.no_grad()
def decode(
    models: Sequence[TaggerModule],
    batch: Batch,
    starts: Int[Tensor, "lanes requests"],
    tables: Sequence[Tables] | None = None,
    *,
    probabilities: bool = False,
) -> Decoded:
    """The best label numbers of all requests; ``starts`` is the place of each request's first token."""
    states = encode(models, batch, tables=tables)
    places, labels, chances = [], [], []
    for group in batch.groups:
        packed = group.packed
        lane = on_device([lane for lane, _ in group.decoders], starts.device)
        place = starts[lane].gather(1, group.request)[:, packed.row] + packed.step
        filled = packed.mask.nonzero(as_tuple=True)
        crf = distribution(models, group, states)
        best = crf.argmax()
        places.append(place[filled])
        labels.append(best[filled])
        if probabilities:
            chances.append(crf.marginals().gather(2, best.unsqueeze(-1)).squeeze(-1)[filled].clamp(0, 1))
    return Decoded(torch.cat(labels), torch.cat(places), torch.cat(chances) if probabilities else None)
