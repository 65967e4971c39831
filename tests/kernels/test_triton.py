"""The kernels in Triton, run by its interpreter on a CPU, against torch; and whether they compile for a GPU."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from helpers import make_corpora, make_run, packed_of
from torch import Tensor, nn
from torch.testing import assert_close

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.config import Sharing
from tagmates.kernels import dispatch, reference
from tagmates.model.crf import LinearChainCRF
from tagmates.model.dropout import Dropout
from tagmates.seeding import generator
from tagmates.training.loop import Updated, train_side_by_side

pytest.importorskip("triton")

from tagmates.kernels import selftest
from tagmates.kernels import triton as kernels

LENGTHS = [
    [[1]],
    [[4, 2, 1]],
    [[3, 3], [9, 1], [0, 0]],
    [[2] * 40, [5] * 17],  # more rows than a program takes
]


def random(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return (scale * torch.randn(shape, generator=generator(seed, "values", *shape))).requires_grad_()


def outcome(function: Callable[..., Tensor], given: Sequence[Tensor], packed: PackedLayout) -> list[Tensor]:
    """The result of a function for these inputs, and the gradients of a weighted sum of it."""
    result = function(*given, packed)
    if result.shape[:2] == packed.mask.shape:
        result = result * packed.mask.unsqueeze(-1)
    weight = torch.randn(result.shape, generator=generator(0, "weights"))
    return [result, *torch.autograd.grad((result * weight).sum(), given)]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("inputs", "size"), [(3, 1), (5, 16), pytest.param(4, 70, marks=pytest.mark.slow)])
def test_gru(lengths: list[list[int]], inputs: int, size: int) -> None:
    packed = packed_of(lengths)
    lanes, positions = packed.mask.shape
    given = (
        random(lanes, positions, inputs),
        random(lanes, 2, 3 * size, inputs),
        random(lanes, 2, 3 * size),
        random(2 * lanes, 3 * size, size, scale=size**-0.5),
        random(2 * lanes, 3 * size),
    )
    assert_close(
        outcome(kernels.gru_layer, given, packed), outcome(reference.gru_layer, given, packed), rtol=1e-4, atol=1e-5
    )


def chain(packed: PackedLayout, tags: int, scale: float = 1.0) -> tuple[Tensor, ...]:
    decoders, positions = packed.mask.shape
    shapes = (decoders, positions, tags), (decoders, tags, tags), (decoders, tags), (decoders, tags)
    return tuple(random(*shape, seed=i, scale=scale) for i, shape in enumerate(shapes))


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("tags", [1, 2, 17, pytest.param(70, marks=pytest.mark.slow)])
def test_crf(lengths: list[list[int]], tags: int) -> None:
    packed = packed_of(lengths)
    given = chain(packed, tags)
    ours = outcome(kernels.scaled_log_partition, given, packed)
    assert_close(ours, outcome(reference.log_partition, given, packed), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        assert_close(kernels.argmax(*given, packed), reference.argmax(*given, packed))


@pytest.mark.filterwarnings("ignore:divide by zero")  # the logarithm of what underflowed
def test_what_underflows_is_left_to_the_exact_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = packed_of([[4, 2]])
    given = chain(packed, 3, scale=200.0)
    assert kernels.scaled_log_partition(*given, packed).isnan().all()
    monkeypatch.setattr(dispatch, "library_for", lambda *_: None)
    monkeypatch.setattr(dispatch, "triton_for", lambda *_: kernels)
    assert_close(LinearChainCRF(*given, packed).log_partition().double(), reference.log_partition(*given, packed))


def test_tags_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = packed_of([[7, 3, 3], [2, 1, 0]])
    given = chain(packed, 17)
    tags = torch.randint(-1, 17, packed.mask.shape, generator=generator(0, "tags")) * packed.mask

    def log_prob(*given: Any) -> Tensor:
        return LinearChainCRF(*given).log_prob(tags, partial=True)

    monkeypatch.setattr(dispatch, "library_for", lambda *_: None)
    plain = outcome(log_prob, given, packed)
    monkeypatch.setattr(dispatch, "triton_for", lambda *_: kernels)
    assert_close(outcome(log_prob, given, packed), plain, rtol=1e-4, atol=1e-5)


def test_masks_of_dropout_are_those_of_each_lane_alone() -> None:
    lengths, rates, seeds = [[4, 2, 2], [5, 1, 0]], [0.5, 0.2], [11, 2**62]
    packed = packed_of(lengths)
    values = torch.ones(2, packed.positions, 300, requires_grad=True)
    dropped = kernels.seeded_dropout(values, packed, torch.tensor(rates), torch.tensor(seeds))
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    assert_close(gradient, dropped, rtol=0, atol=0)
    assert (dropped[~packed.mask] == 0).all()
    for lane, (own, rate, seed) in enumerate(zip(lengths, rates, seeds, strict=True)):
        alone = packed_of([[length for length in own if length]])
        mine = kernels.seeded_dropout(
            torch.ones(1, alone.positions, 300), alone, torch.tensor([rate]), torch.tensor([seed])
        )
        assert_close(dropped[lane, packed.mask[lane]], mine[0], rtol=0, atol=0)
        assert mine.unique().tolist() == [0, pytest.approx(1 / (1 - rate))]
        assert float((mine == 0).float().mean()) == pytest.approx(rate, abs=0.04)
        other = kernels.seeded_dropout(
            torch.ones(1, alone.positions, 300), alone, torch.tensor([rate]), torch.tensor([seed + 1])
        )
        assert float((mine != other).float().mean()) == pytest.approx(2 * rate * (1 - rate), abs=0.05)


def test_a_lane_draws_the_same_masks_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "triton_for", lambda *_: kernels)

    def dropped(seeds: list[int], rates: list[float]) -> Tensor:
        drop = Dropout(rates, [generator(seed, "dropout") for seed in seeds])
        packed = packed_of([[3, 2]] * len(seeds))
        first, second = (drop(torch.ones(len(seeds), packed.positions, 40), packed) for _ in range(2))
        assert not first.equal(second)
        return torch.stack([first[-1], second[-1]])

    alone = dropped([7], [0.5])
    assert alone.equal(dropped([1, 7], [0.2, 0.5]))
    assert alone.equal(dropped([1, 2, 7], [0.0, 0.5, 0.5]))
    assert not alone.equal(dropped([8], [0.5]))


@pytest.mark.parametrize("adam_step", [reference.adam_step, kernels.adam_step], ids=["reference", "triton"])
def test_adam_is_that_of_torch_with_a_learning_rate_for_each_lane(adam_step: Callable[..., None]) -> None:
    rates = (1e-2, 1e-3)
    alone = [nn.Parameter(random(2, 5, seed=lane).detach().clone()) for lane in range(2)]
    optimizers = [torch.optim.Adam([p], lr=rate) for p, rate in zip(alone, rates, strict=True)]
    values = torch.cat([p.detach() for p in alone])
    mean, square, lane = torch.zeros_like(values), torch.zeros_like(values), torch.tensor([0, 0, 1, 1])
    for step in range(1, 6):
        gradients = [random(2, 5, seed=10 * step + i).detach() for i in range(2)]
        goes = (True, step != 3)
        for p, gradient, optimizer, go in zip(alone, gradients, optimizers, goes, strict=True):
            if go:
                p.grad = gradient * 0.5
                optimizer.step()
        taken = [step, step - (step > 3)]
        factors = torch.tensor(
            [
                [0.5 * go, 0.1 * go, 0.001 * go, rate / (1 - 0.9**n) * go, (1 - 0.999**n) ** 0.5]
                for go, rate, n in zip(goes, rates, taken, strict=True)
            ]
        ).T
        adam_step(values, torch.cat(gradients), mean, square, lane, factors, 1e-8)
        assert_close(values, torch.cat([p.detach() for p in alone]), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_lanes_learn_the_same_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {"x": ("A", "B", "C"), "y": ("O", "B-Y")}
    sharings: list[tuple[Sharing, str]] = [("multi_dec", "xy"), ("te_dec", "yx"), ("stl", "y")]

    def losses() -> list[float]:
        runs = []
        for seed, (sharing, tasks) in enumerate(sharings):
            corpora = make_corpora(seed, {task: tags[task] for task in tasks}, train=4, longest=3)
            runs.append(make_run(corpora, sharing, training={"max_epochs": 1}))
        return [event.loss for event in train_side_by_side(runs, 3) if isinstance(event, Updated)]

    wanted = losses()
    monkeypatch.setattr(dispatch, "library_for", lambda *_: None)
    monkeypatch.setattr(dispatch, "triton_for", lambda *_: kernels)
    monkeypatch.setattr(dispatch, "apply_dropout", reference.apply_dropout)  # Triton draws other masks
    assert_close(losses(), wanted, rtol=1e-5, atol=0)


class TestSelftest:
    """A device on which the kernels do not compile, or compute something else, trains without them."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(selftest, "HIDDEN_SIZE", 20)
        monkeypatch.setattr(selftest, "NUM_TAGS", 20)
        dispatch.triton_kernels.cache_clear()

    def test_they_agree_with_torch(self) -> None:
        found = selftest.differences("cpu")
        assert found.keys() == {"a GRU layer", "a CRF", "Viterbi", "dropout", "Adam"}
        assert all(off < dispatch.TRITON_TOLERANCE for off in found.values())
        assert dispatch.triton_kernels(torch.device("cpu")) is kernels

    @pytest.mark.parametrize(
        "kernel",
        [
            "seeded_dropout",
            *(pytest.param(name, marks=pytest.mark.slow) for name in ("gru_layer", "scaled_log_partition", "argmax")),
        ],
    )
    def test_what_computes_something_else_is_not_used(
        self, kernel: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        right = getattr(kernels, kernel)
        monkeypatch.setattr(kernels, kernel, lambda *given: right(*given) + 1)
        with caplog.at_level(logging.WARNING):
            assert dispatch.triton_kernels(torch.device("cpu")) is None
        assert "off by" in caplog.text

    def test_nor_what_fails(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        def fail(*_: object) -> Tensor:
            raise RuntimeError("out of resource: shared memory")

        monkeypatch.setattr(kernels, "gru_layer", fail)
        with caplog.at_level(logging.WARNING):
            assert dispatch.triton_kernels(torch.device("cpu")) is None
        assert "shared memory" in caplog.text


def said_by(program: str) -> list[str]:
    """The words that a program prints; kernels are not interpreted in it."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


WITHOUT_TRITON = """
import logging, sys
sys.modules["triton"] = None
import torch
from tagmates.kernels.dispatch import kernels_on

logging.getLogger("tagmates").setLevel(logging.ERROR)
print(kernels_on(torch.device("cuda")))
"""


def test_without_the_package_triton_torch_does_it() -> None:
    assert said_by(WITHOUT_TRITON) == ["torch"]


UNSPECIALIZED = """
from tagmates.kernels.triton import adam, crf, dropout, gru

for kernel in (
    crf._forward, crf._backward, crf._viterbi,
    gru._forward, gru._backward, dropout._drop, adam._adam,
):
    for parameter in kernel.params:
        if parameter.name in ("positions", "rows", "lanes", "tags"):
            assert parameter.do_not_specialize and not parameter.is_constexpr, (kernel, parameter.name)
            print(parameter.name)
"""


@pytest.mark.slow
def test_no_batch_and_no_set_of_tags_needs_kernels_of_its_own() -> None:
    """One takes a second to compile, and pairs of eleven tasks have some fifty sizes of united tags."""
    assert len(said_by(UNSPECIALIZED)) == 3 * 3 + 2 * 2 + 1 + 1


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from tagmates.kernels.triton import adam, crf, dropout, gru

TYPES = {
    "positions": "i32", "rows": "i32", "tags": "i32", "lanes": "i32", "size": "i32", "epsilon": "fp32", "lane": "*i64",
    "starts": "*i64", "lengths": "*i64", "mirror": "*i64", "paths": "*i64", "place": "*i64",
    "mask": "*i1", "seeds": "*i64", "underflows": "*i32", "scale": "*fp64",
}

def shared(kernel, warps=8, **constants):
    signature = {n: "constexpr" if n in constants else TYPES.get(n, "*fp32") for n in kernel.arg_names}
    source = ASTSource(kernel, signature, {(kernel.arg_names.index(n),): value for n, value in constants.items()})
    made = triton.compile(source, target=GPUTarget("cuda", CAPABILITY, 32), options={"num_warps": warps})
    return made.metadata.shared

print(shared(adam._adam, warps=4, BLOCK=1024))
print(shared(dropout._drop, warps=4, size=600, BLOCK=1024))
for size in (50, 300):
    for kernel in (gru._forward, gru._backward):
        print(shared(kernel, size=size, ROWS=32, UNITS=64, INNER=32, PRECISION="tf32x3"))
for padded in (32, 512):
    for kernel in (crf._forward, crf._backward):
        print(shared(kernel, ROWS=16, TAGS=padded, BLOCK=min(64, padded), UNDERFLOW=1e-28))
    print(shared(crf._viterbi, ROWS=4, TAGS=padded, BLOCK=min(64, padded)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("capability", "most"), [(80, 163 * 1024), (90, 227 * 1024)])
def test_they_compile_for_a_gpu(capability: int, most: int) -> None:
    needs = [int(line) for line in said_by(COMPILE.replace("CAPABILITY", str(capability)))]
    assert len(needs) == 12
    assert all(need <= most for need in needs)  # bytes of shared memory a program
