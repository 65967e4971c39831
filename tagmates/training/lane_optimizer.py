"""Updates of several runs at once, one run per lane: one step of Adam over tensors that all lanes share.

The result is that of each run alone, with its own gradient norm and learning rate; only the computation is shared. A
run's parameters and the moments in its own optimizer become views of the shared tensors, so that they can be saved and
read as before.
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
from tagmates.model.parameter_stacking import SharedTensor, part_of, share_parameters, unshare_parameters
from tagmates.training.run import Run


@dataclass(frozen=True, slots=True)
class _Moments:
    """A shared tensor of parameters, with Adam's mean and mean square of its gradients."""

    shared: SharedTensor
    mean: Tensor
    square: Tensor


class LaneOptimizer:
    """Makes the updates of several runs; a new one is needed when a run comes or goes."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Move the runs' parameters and moments into shared tensors; a single run keeps its own, or gets them back."""
        self.runs = tuple(runs)
        self.interrupted = False  # whether an update began and did not finish
        device = runs[0].module.device
        self.corpora = LaneCorpora.of([run.corpora["train"] for run in runs], device)
        self.weights = pad_sequence([run.loss_weights() for run in runs], batch_first=True)
        self.tag_weights = _tag_weights(runs)
        self.transition_l2 = self._per_lane([run.config.training.transition_l2 for run in runs])
        self.moments: list[_Moments] = []  # empty for a single run
        if len(runs) == 1:
            unshare_parameters(runs[0].module)
            for parameter, state in runs[0].optimizer.state.items():
                state.update({key: state[key].clone() for key in ("exp_avg", "exp_avg_sq")})
                state["step"].fill_(runs[0].updates)
                parameter.grad = None
            return
        for shared in share_parameters([run.module for run in runs]):
            self.moments.append(_Moments(shared, torch.zeros_like(shared.values), torch.zeros_like(shared.values)))
        self.lane = torch.cat([each.shared.lane for each in self.moments])
        moments_of = {id(each.shared.values): each for each in self.moments}
        for run in runs:
            for parameter in run.module.parameters():
                moments = moments_of[id(parameter.part.shared)]  # type: ignore[attr-defined]
                state = run.optimizer.state[parameter]
                for key, values in (("exp_avg", moments.mean), ("exp_avg_sq", moments.square)):
                    own = part_of(values, parameter)
                    if key in state:
                        own.copy_(state[key])
                    state[key] = own
                state.setdefault("step", torch.zeros((), device=parameter.device))

    def update(self, losses: Sequence[float | None]) -> None:
        """Apply the gradients of these losses; a run is not changed if its loss is None or not finite."""
        active = [loss is not None and math.isfinite(loss) for loss in losses]
        self.interrupted = True
        if self.moments:
            self._step(active)
        for run, loss, is_active in zip(self.runs, losses, active, strict=True):
            if is_active and loss is not None:
                if not self.moments:
                    run.step_alone()
                run.count_update(loss)
                if self.moments and run.step == len(run.batches):  # the checkpoint after the epoch needs the count
                    for state in run.optimizer.state.values():
                        state["step"].fill_(run.updates)
        self.interrupted = False

    @torch.no_grad()
    def _step(self, active: Sequence[bool]) -> None:
        """Clip each run's gradient by its norm, then Adam (Kingma and Ba, 2015) with each run's learning rate."""
        defaults = self.runs[0].optimizer.defaults
        (beta1, beta2), epsilon = defaults["betas"], defaults["eps"]
        steps = [run.updates + 1 for run in self.runs]
        rate = self._per_lane(
            [run.learning_rate / (1 - beta1**n) * on for run, n, on in zip(self.runs, steps, active, strict=True)]
        )
        root = self._per_lane([math.sqrt(1 - beta2**n) for n in steps])
        is_active = self._per_lane([float(on) for on in active])
        # decoders without a sentence in this batch have no gradient, but Adam moves them all the same
        found = [(each.shared.values, each.shared.values.grad) for each in self.moments]
        gradients = [torch.zeros_like(values) if gradient is None else gradient for values, gradient in found]
        if not all(active):  # values that are not finite must not reach the parameters of their run
            for each, gradient in zip(self.moments, gradients, strict=True):
                inactive = is_active[each.shared.lane] == 0
                gradient.masked_fill_(inactive.view(-1, *[1] * (gradient.ndim - 1)), 0)
        norms = torch.cat([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
        norm = torch.zeros_like(is_active).index_add_(0, self.lane, norms.square())
        clip_norm = self._per_lane([run.config.training.clip_norm for run in self.runs])
        clip = (clip_norm / (norm.sqrt() + 1e-6)).clamp_max(1)
        factors = torch.stack([clip, is_active * (1 - beta1), is_active * (1 - beta2), rate, root])
        for each, gradient in zip(self.moments, gradients, strict=True):
            adam_step(each.shared.values, gradient, each.mean, each.square, each.shared.lane, factors, epsilon)

    def zero_grad(self) -> None:
        """Forget the gradients of the last update."""
        for each in self.moments:
            each.shared.values.grad = None
        if not self.moments:
            self.runs[0].optimizer.zero_grad(set_to_none=True)

    def _per_lane(self, values: Sequence[float]) -> Float[Tensor, " lanes"]:
        return on_device(values, self.runs[0].module.device)


def _tag_weights(runs: Sequence[Run]) -> Float[Tensor, "lanes tasks labels"] | None:
    """The weights of the tags of all lanes, padded with 1; None if all are 1."""
    if not any(run.config.training.tag_weights for run in runs):
        return None
    weights = [run.tag_weights() for run in runs]
    tasks, labels = (max(each.shape[axis] for each in weights) for axis in (0, 1))
    joined = weights[0].new_ones(len(weights), tasks, labels)
    for own, each in zip(joined, weights, strict=True):
        own[: each.shape[0], : each.shape[1]] = each
    return joined


def optimizer_of(runs: Sequence[Run], previous: LaneOptimizer | None) -> LaneOptimizer:
    """The optimizer of these runs, which is the previous one if no run came or went."""
    return previous if previous is not None and previous.runs == tuple(runs) else LaneOptimizer(runs)
