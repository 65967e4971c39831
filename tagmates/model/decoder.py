"""The decoder of a task: label scores of the encoder's states, and a linear-chain CRF (protocol section 1).

With the encoder's state s_t of a token, and in ``te_dec`` the embedding e of the sentence's task:

    emissions_t = V [s_t; e] + c

The CRF has transition, start and end scores (``crf.py``).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tagmates.batching.batches import Group
from tagmates.batching.packed_sequence import on_device
from tagmates.model.crf import LinearChainCRF
from tagmates.model.embedding import look_up
from tagmates.model.parameter_stacking import stacked, with_gradient


class Decoder(nn.Module):
    """The parameters of one decoder: V, c, and the scores of the CRF."""

    def __init__(self, input_size: int, num_labels: int, draw: torch.Generator) -> None:
        """Projection Xavier-uniform with bias 0, transitions Xavier-normal, start and end standard normal."""
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_labels, input_size), generator=draw))
        self.bias = nn.Parameter(torch.zeros(num_labels))
        self.transitions = nn.Parameter(torch.empty(num_labels, num_labels))
        self.start = nn.Parameter(torch.empty(num_labels))
        self.end = nn.Parameter(torch.empty(num_labels))
        if self.weight.is_meta:  # nothing is drawn, and torch would import its compiler for it: two seconds
            return
        with torch.no_grad():
            nn.init.xavier_normal_(self.transitions, generator=draw)
            self.start.normal_(generator=draw)
            self.end.normal_(generator=draw)


def group_distribution(
    decoders: Sequence[Decoder],
    task_tables: Sequence[Tensor | None],
    group: Group,
    states: Float[Tensor, "lanes positions size"],
) -> LinearChainCRF:
    """The CRF over the sentences of a group of decoders, whose lanes may have a table of task embeddings."""
    width = states.shape[-1]
    weights = [decoder.weight for decoder in decoders]
    if len({weight.shape for weight in weights}) == 1:
        weight = stacked(weights)[..., :width]
    else:  # those of te_dec are wider
        weight = torch.stack([with_gradient(weight)[:, :width] for weight in weights])
    # V s_t + c
    emissions = torch.baddbmm(
        stacked([decoder.bias for decoder in decoders]).unsqueeze(1),
        states if group.whole else _states_at(states, group.source),
        weight.transpose(1, 2),
    )
    embedded = [i for i, table in enumerate(task_tables) if table is not None]
    if embedded:
        # a sentence has one embedding e, so its product with V is computed once and added at every token
        chosen = None if len(embedded) == len(decoders) else on_device(embedded, states.device)
        tables = [table for table in task_tables if table is not None]
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


def _states_at(
    states: Float[Tensor, "lanes positions size"], source: Int[Tensor, "decoders places"]
) -> Float[Tensor, "decoders places size"]:
    """The states at these places of lanes x positions; unlike an index's, this gradient needs no sorting on a GPU."""
    return states.flatten(0, 1).index_select(0, source.flatten()).view(*source.shape, -1)
