"""Runs that take their updates together: what lies in one tensor for all of them, and one step of Adam over it.

The numbers are those of each run alone (clipping by its own gradient norm, its own learning rate); only the work is
shared. A run in company still has parameters and moments of its own to save and to read: they are views.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tagmates.batching.lane_corpora import LaneCorpora
from tagmates.batching.packed_sequence import on_device
from tagmates.kernels.dispatch import adam_step
from tagmates.model.parameter_stacking import Whole, lay_together, part_of, take_apart
from tagmates.training.run import Run


@dataclass(frozen=True, slots=True)
class _Moving:
    """Parameters of all runs, with Adam's mean and mean square of their gradients."""

    whole: Whole
    mean: Tensor
    square: Tensor


class Company:
    """Runs, one a lane; made anew when one comes or goes."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Lay the runs' parameters and moments together; one alone keeps, or gets back, its own."""
        self.runs = tuple(runs)
        self.torn = False  # whether an update broke off half-way
        device = runs[0].module.words.device
        self.stock = LaneCorpora.of([run.corpora["train"] for run in runs], device)
        self.weights = pad_sequence([run.loss_weights() for run in runs], batch_first=True)
        self.transition_l2 = self._lanes([run.config.training.transition_l2 for run in runs])
        self.moving: list[_Moving] = []
        if len(runs) == 1:
            take_apart(runs[0].module)
            for parameter, state in runs[0].optimizer.state.items():
                state.update({key: state[key].clone() for key in ("exp_avg", "exp_avg_sq")})
                state["step"].fill_(runs[0].updates)
                parameter.grad = None
            return
        for whole in lay_together([run.module for run in runs]):
            self.moving.append(_Moving(whole, torch.zeros_like(whole.values), torch.zeros_like(whole.values)))
        self.lane = torch.cat([each.whole.lane for each in self.moving])
        moving = {id(each.whole.values): each for each in self.moving}
        for run in runs:
            for parameter in run.module.parameters():
                mine = moving[id(parameter.place.whole)]  # type: ignore[attr-defined]
                state = run.optimizer.state[parameter]
                for key, values in (("exp_avg", mine.mean), ("exp_avg_sq", mine.square)):
                    own = part_of(values, parameter)
                    if key in state:
                        own.copy_(state[key])
                    state[key] = own
                state.setdefault("step", torch.zeros((), device=parameter.device))

    def update(self, losses: Sequence[float | None]) -> None:
        """Apply the gradients of these losses; a run stays as it is where its own is None or not finite."""
        goes = [loss is not None and math.isfinite(loss) for loss in losses]
        self.torn = True
        if self.moving:
            self._step(goes)
        for run, loss, moves in zip(self.runs, losses, goes, strict=True):
            if moves and loss is not None:
                if not self.moving:
                    run.step_alone()
                run.count(loss)
                if self.moving and run.step == len(run.batches):  # what is saved counts too
                    for state in run.optimizer.state.values():
                        state["step"].fill_(run.updates)
        self.torn = False

    @torch.no_grad()
    def _step(self, goes: Sequence[bool]) -> None:
        """Clip each run's gradient by its norm, then Adam (Kingma and Ba, 2015) with each run's learning rate."""
        defaults = self.runs[0].optimizer.defaults
        (first, second), epsilon = defaults["betas"], defaults["eps"]
        count = [run.updates + 1 for run in self.runs]
        rate = self._lanes(
            [run.learning_rate / (1 - first**n) * go for run, n, go in zip(self.runs, count, goes, strict=True)]
        )
        root = self._lanes([math.sqrt(1 - second**n) for n in count])
        on = self._lanes([float(go) for go in goes])
        # decoders without a sentence in this batch have none; Adam is dense all the same
        found = [(each.whole.values, each.whole.values.grad) for each in self.moving]
        gradients = [torch.zeros_like(values) if gradient is None else gradient for values, gradient in found]
        if not all(goes):  # what is not finite in one run must not get into its parameters
            for each, gradient in zip(self.moving, gradients, strict=True):
                off = on[each.whole.lane] == 0
                gradient.masked_fill_(off.view(-1, *[1] * (gradient.ndim - 1)), 0)
        norms = torch.cat([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
        norm = torch.zeros_like(on).index_add_(0, self.lane, norms.square())
        most = self._lanes([run.config.training.clip_norm for run in self.runs])
        shrink = (most / (norm.sqrt() + 1e-6)).clamp_max(1)
        factors = torch.stack([shrink, on * (1 - first), on * (1 - second), rate, root])
        for each, gradient in zip(self.moving, gradients, strict=True):
            adam_step(each.whole.values, gradient, each.mean, each.square, each.whole.lane, factors, epsilon)

    def clear(self) -> None:
        """Forget the gradients of the last update."""
        for each in self.moving:
            each.whole.values.grad = None
        if not self.moving:
            self.runs[0].optimizer.zero_grad(set_to_none=True)

    def _lanes(self, values: Sequence[float]) -> Float[Tensor, " lanes"]:
        return on_device(values, self.runs[0].module.words.device)
