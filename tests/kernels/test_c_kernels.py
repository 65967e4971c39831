"""tagmates.kernels.c and build: the kernels in C against the reference, and without a compiler."""

import logging
import os
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
import torch
from helpers import packed_of, torch_gru
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing import assert_close

from tagmates.batching.packed_sequence import PackedLayout
from tagmates.kernels import build, dispatch
from tagmates.kernels.build import FOLDER_VARIABLE, SOURCES, Build, compiled
from tagmates.kernels.c import structure
from tagmates.model.crf import LinearChainCRF
from tagmates.model.gru import GRULayer, bidirectional_gru
from tagmates.private_folders import is_private
from tagmates.seeding import generator

ROWS = st.lists(st.integers(1, 9), max_size=20).map(lambda lengths: sorted(lengths, reverse=True))
LANES = st.lists(ROWS, min_size=1, max_size=3).filter(any)
compiled_only = pytest.mark.skipif(compiled().library is None, reason="no compiler")


@contextmanager
def plainly() -> Iterator[None]:
    """Torch does what the kernels do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "compiled", lambda: Build(None))
        yield


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Build anew, into the cache that a test names, and leave nothing of it behind."""
    monkeypatch.delenv("TAGMATES_CACHE", raising=False)
    compiled.cache_clear()
    yield
    compiled.cache_clear()
    os.environ.pop(FOLDER_VARIABLE, None)  # what was compiled elsewhere since a test's cache cannot be written


def make_layers(number: int, inputs: int, hidden: int) -> list[GRULayer]:
    layers = [GRULayer(inputs, hidden, generator(seed, "layer")) for seed in range(number)]
    for layer in layers:
        for bias in (layer.input_bias, layer.hidden_bias):
            nn.init.normal_(bias, generator=generator(1, "bias"))
    return layers


def states_and_gradients(layers: list[GRULayer], packed: PackedLayout, scale: float = 1.0) -> list[Tensor]:
    """States inside the mask, and the gradients of inputs and parameters."""
    draw = generator(3, "values")
    size = layers[0].input_weight.shape[2]
    inputs = (scale * torch.randn(len(layers), packed.positions, size, generator=draw)).requires_grad_()
    for layer in layers:
        layer.zero_grad()
    states = bidirectional_gru(inputs, packed, layers) * packed.mask.unsqueeze(-1)
    (states * torch.randn(states.shape, generator=draw)).sum().backward()
    assert inputs.grad is not None
    parameters = [p.grad for layer in layers for p in layer.parameters() if p.grad is not None]
    return [states.detach(), inputs.grad, *(gradient.clone() for gradient in parameters)]


def make_crf(
    lanes: list[list[int]], tags: int, scale: float = 1.0, dtype: torch.dtype = torch.float32
) -> LinearChainCRF:
    """A distribution whose scores are leaves."""
    packed, draw = packed_of(lanes), generator(4, "crf")
    shapes = [(len(lanes), packed.positions, tags), (len(lanes), tags, tags), (len(lanes), tags), (len(lanes), tags)]
    parts = [(scale * torch.randn(shape, generator=draw)).to(dtype).requires_grad_() for shape in shapes]
    return LinearChainCRF(*parts, packed)


def likelihood_and_gradients(crf: LinearChainCRF, *, partial: bool = False) -> list[Tensor]:
    """Log-probability of some tags (``partial``: a third not there), log-partition, and gradients of their mixture."""
    tags = torch.randint(crf.emissions.shape[2], crf.emissions.shape[:2], generator=generator(5, "tags"))
    if partial:
        tags = tags.masked_fill(torch.rand(tags.shape, generator=generator(7, "missing")) < 1 / 3, -1)
    log_prob, log_partition = crf.log_prob(tags, partial=partial), crf.log_partition()
    parts = (crf.emissions, crf.transitions, crf.start, crf.end)
    total = (log_prob * torch.rand(log_prob.shape, generator=generator(6, "weights"))).sum() + 0.1 * log_partition.sum()
    return [log_prob.detach(), log_partition.detach(), *torch.autograd.grad(total, parts)]


def assert_equal_up_to_rounding(ours: list[Tensor], theirs: list[Tensor], tolerance: float = 1e-5) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        bound = tolerance * float(other.abs().max().clamp_min(1)) if other.numel() else 0
        assert_close(mine.to(other.dtype), other, rtol=10 * tolerance, atol=bound)


@compiled_only
@given(LANES, st.integers(1, 5), st.integers(1, 70), st.sampled_from([0.1, 1.0, 30.0]))
def test_gru_is_the_plain_one(lanes: list[list[int]], inputs: int, hidden: int, scale: float) -> None:
    packed, layers = packed_of(lanes), make_layers(len(lanes), inputs, hidden)
    ours = states_and_gradients(layers, packed, scale)
    with plainly():
        plain = states_and_gradients(layers, packed, scale)
    assert_equal_up_to_rounding(ours, plain)


@compiled_only
def test_gru_is_that_of_torch_at_full_size() -> None:
    lengths = [40, 31, 31, 20, 12, 9, 9, 8, 5, 3, 3, 3, 2, 1, 1]
    (layer,) = make_layers(1, 100, 300)
    theirs = torch_gru([layer])
    packed = PackedLayout.of(torch.tensor([lengths]))
    padded = torch.randn(40, len(lengths), 100, generator=generator(1, "padded"))
    expected, _ = theirs(pack_padded_sequence(padded, torch.tensor(lengths)))
    inputs = padded[packed.step, packed.row].unsqueeze(0)
    assert_close(bidirectional_gru(inputs, packed, [layer])[0], expected.data)


@compiled_only
@given(LANES, st.integers(1, 60), st.sampled_from([0.1, 1.0, 5.0]), st.booleans())
def test_likelihoods_are_the_plain_ones(lanes: list[list[int]], tags: int, scale: float, partial: bool) -> None:
    ours = likelihood_and_gradients(make_crf(lanes, tags, scale), partial=partial)
    with plainly():
        plain = likelihood_and_gradients(make_crf(lanes, tags, scale), partial=partial)
    assert_equal_up_to_rounding(ours, plain)


@compiled_only
@given(LANES, st.integers(1, 60), st.sampled_from([0.1, 1.0, 50.0, 1000.0]))
def test_the_best_path_scores_what_the_best_path_in_float64_scores(
    lanes: list[list[int]], tags: int, scale: float
) -> None:
    crf = make_crf(lanes, tags, scale)
    wide = make_crf(lanes, tags, scale, torch.float64)
    ours, best = crf.argmax(), wide.argmax()
    assert_close(wide.score(ours), wide.score(best), rtol=1e-6, atol=1e-5 * scale)
    assert not bool(ours.masked_select(~crf.packed.mask).any())


@compiled_only
@pytest.mark.parametrize("tags", [1, 16, 17, 48, 49, 212, 425])
@pytest.mark.parametrize("partial", [False, True])
def test_likelihoods_of_many_tags_are_those_in_float64(tags: int, partial: bool) -> None:
    lanes = [[12, 7, 7, 3, 1, 1, 1, 1, 1, 1], [12]]
    wide = likelihood_and_gradients(make_crf(lanes, tags, dtype=torch.float64), partial=partial)
    assert_equal_up_to_rounding(likelihood_and_gradients(make_crf(lanes, tags), partial=partial), wide)


@compiled_only
def test_two_threads_are_as_good_as_one() -> None:
    lanes = [[30, 20, 12, 12, 9, 4, 4, 2, 1, 1, 1], [25, 3]]
    layers = make_layers(2, 3, 40)
    crf = make_crf(lanes, 33)
    alone = [*states_and_gradients(layers, packed_of(lanes)), *likelihood_and_gradients(crf), crf.argmax()]
    with threads(2):
        both = [*states_and_gradients(layers, packed_of(lanes)), *likelihood_and_gradients(crf), crf.argmax()]
    assert_equal_up_to_rounding(both, alone)


@compiled_only
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_hidden(bad: float) -> None:
    (layer,) = make_layers(1, 2, 3)
    inputs = torch.zeros(1, 4, 2)
    inputs[0, 1, 0] = bad
    crf = make_crf([[4, 2]], 3)
    emissions = crf.emissions.detach().clone()
    emissions[0, 1, 0] = bad

    def results() -> list[Tensor]:
        likelihoods = LinearChainCRF(emissions, crf.transitions, crf.start, crf.end, crf.packed)
        return [bidirectional_gru(inputs, PackedLayout.of(torch.tensor([[4]])), [layer]), likelihoods.log_partition()]

    found = results()
    with plainly():
        plain = results()
    for ours, theirs in zip(found, plain, strict=True):
        assert_close(ours, theirs, equal_nan=True)
    assert not bool(found[1][0, 1].isfinite())


def test_extreme_gates_saturate() -> None:
    (layer,) = make_layers(1, 1, 5)
    for size in (1e3, 1e30):
        states = bidirectional_gru(torch.full((1, 3, 1), size), PackedLayout.of(torch.tensor([[3]])), [layer])
        assert states.isfinite().all()
        assert states.abs().max() <= 1


@compiled_only
def test_a_tag_that_is_none_is_refused() -> None:
    crf = make_crf([[3]], 4)
    for wrong in (-1, 4):
        with pytest.raises(IndexError, match="not among the 4"):
            crf.log_prob(torch.tensor([[0, wrong, 0]]))


@compiled_only
def test_a_graph_may_go_backward_again() -> None:
    (layer,) = make_layers(1, 2, 3)
    states = bidirectional_gru(torch.ones(1, 1, 2), PackedLayout.of(torch.tensor([[1]])), [layer])
    (once,) = torch.autograd.grad(states.sum(), layer.input_weight, retain_graph=True)
    (again,) = torch.autograd.grad(states.sum(), layer.input_weight)
    assert_close(once, again)


@compiled_only
def test_second_derivatives_are_refused() -> None:
    inputs = torch.ones(1, 1, 2, requires_grad=True)
    states = bidirectional_gru(inputs, PackedLayout.of(torch.tensor([[1]])), make_layers(1, 2, 3))
    (slope,) = torch.autograd.grad(states.square().sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.square().sum().backward()


@compiled_only
def test_tags_that_change_before_the_backward_are_refused() -> None:
    crf, tags = make_crf([[3]], 4), torch.zeros(1, 3, dtype=torch.long)
    log_prob = crf.log_prob(tags)
    tags.fill_(-(10**9))
    with pytest.raises(RuntimeError, match="inplace"):
        log_prob.sum().backward()


@compiled_only
def test_layouts_and_types_make_no_difference() -> None:
    """Transposed scores, int32 lengths and tags, one float64 among the scores."""
    crf = make_crf([[5, 3]], 4)
    parts = [part.detach() for part in (crf.emissions, crf.transitions, crf.start, crf.end)]
    tags = torch.randint(4, (1, 8), generator=generator(1, "tags"))
    expected = [crf.log_partition().detach(), crf.score(tags).detach(), crf.argmax()]
    turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in parts]
    narrow = PackedLayout.of(torch.tensor([[5, 3]], dtype=torch.int32))
    wide = [*parts[:3], parts[3].double()]
    for other, tag in ((turned, tags), (parts, tags.int()), (wide, tags)):
        same = LinearChainCRF(*other, narrow)
        assert_equal_up_to_rounding([same.log_partition(), same.score(tag.long()), same.argmax()], expected)
    assert_close(LinearChainCRF(*parts, narrow).log_prob(tags.int()), crf.log_prob(tags))


def test_arrays_that_do_not_fit_are_refused() -> None:
    arguments = structure.Structure("rows size", scores=(torch.float32, "rows size 2"))

    def call(scores: Tensor) -> int | None:
        return arguments.call(lambda _: 7, rows=2, size=3, scores=scores)

    assert call(torch.zeros(2, 3, 2)) == 7
    for wrong in (torch.zeros(2, 3), torch.zeros(2, 3, 2).double(), torch.zeros(3, 2, 2).transpose(0, 1)):
        with pytest.raises(ValueError, match=r"scores: .* expected contiguous torch.float32 of 12 items \(rows x size"):
            call(wrong)


def test_the_sources_are_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["tagmates"]
    folder = Path(structure.__file__).parent
    assert {path.name for path in folder.glob("*.[ch]")} == set(SOURCES)
    for name in SOURCES:
        assert any(PurePosixPath("kernels/c", name).match(pattern) for pattern in patterns), name


@compiled_only
def test_autocast_is_left_to_torch() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = bidirectional_gru(torch.ones(1, 2, 2), PackedLayout.of(torch.tensor([[2]])), make_layers(1, 2, 3))
    assert states.isfinite().all()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_without_a_compiler_torch_does_it(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    caplog.set_level(logging.INFO, "tagmates")
    assert compiled().library is None
    assert "no compiled kernels" in caplog.text
    assert not list(tmp_path.rglob("*.so"))
    layers, packed = make_layers(1, 2, 3), PackedLayout.of(torch.tensor([[3, 1]]))
    assert all(result.isfinite().all() for result in states_and_gradients(layers, packed))


@pytest.mark.usefixtures("fresh")
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGMATES_NATIVE", "0")
    assert compiled().library is None


@compiled_only
@pytest.mark.usefixtures("fresh")
@pytest.mark.slow
def test_it_is_built_once_for_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled().library is not None
    libraries = {path.name for path in tmp_path.rglob("*.so")}
    compiled.cache_clear()
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("is compiled again"))
    assert compiled().library is not None
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == libraries


@compiled_only
@pytest.mark.usefixtures("fresh")
@pytest.mark.slow
def test_a_compiler_without_openmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels are built all the same, for one thread."""
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\ncase "$*" in *openmp*) exit 1;; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled().library is not None
    results: Callable[[], list[Tensor]] = lambda: likelihood_and_gradients(make_crf([[5, 2]], 7))  # noqa: E731
    ours = results()
    with plainly():
        assert_equal_up_to_rounding(ours, results())


@compiled_only
@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("content", [b"junk", b""])
@pytest.mark.slow
def test_a_damaged_library_is_built_again(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled().library is not None
    damaged = [tmp_path / "other" / "tagmates" / path.name for path in tmp_path.rglob("*.so")]
    damaged[0].parent.mkdir(parents=True)
    for path in damaged:
        path.write_bytes(content)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    compiled.cache_clear()
    library = compiled().library
    assert library is not None
    assert Path(library._name) in damaged
    assert Path(library._name).read_bytes() != content


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("compiler", ['gcc "', "cc-that-is-not-here --fast"])
def test_nonsense_in_cc_is_no_obstacle(compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled().library is None


@pytest.mark.usefixtures("fresh")
@pytest.mark.slow
def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    library = compiled().library
    assert library is not None
    assert not Path(library._name).is_relative_to(tmp_path)


def planted(folder: Path, name: str, proof: Path) -> Path:
    """A library that leaves ``proof`` behind where it is loaded."""
    source = folder / "planted.c"
    source.write_text(
        f'#include <stdio.h>\n__attribute__((constructor)) void f(void) {{ fclose(fopen("{proof}", "w")); }}\n'
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(folder / name), str(source)], check=True)
    source.unlink()
    return folder / name


def change_nothing(folder: Path, library: Path) -> None:
    pass


def open_to_all(folder: Path, library: Path) -> None:
    folder.chmod(0o1777)


def open_to_the_group(folder: Path, library: Path) -> None:
    folder.chmod(0o775)


def library_of_the_group(folder: Path, library: Path) -> None:
    library.chmod(0o775)


def folder_of_another(folder: Path, library: Path) -> None:
    os.chown(folder, 12345, -1)


def library_of_another(folder: Path, library: Path) -> None:
    os.chown(library, 12345, -1)


def linked_to_another(folder: Path, library: Path) -> None:
    hidden = library.rename(library.with_suffix(".theirs"))
    os.chown(hidden, 12345, -1)
    library.symlink_to(hidden)


@compiled_only
@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change_nothing, marks=pytest.mark.slow),
        open_to_all,
        *(
            pytest.param(change, marks=pytest.mark.slow)
            for change in (
                open_to_the_group, library_of_the_group, folder_of_another, library_of_another, linked_to_another
            )
        ),
    ],
)  # fmt: skip
def test_a_library_that_others_can_change_is_not_loaded(
    change: Callable[[Path, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor one that they have put there; what is loaded instead is built anew and computes right."""
    if "another" in change.__name__ and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    folder, proof = tmp_path / "cache", tmp_path / "proof"
    monkeypatch.setattr(build, "FLAGS", ("-O0", "-fPIC"))  # compiled in a fifth of the time
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "another"))  # a library of a path is not loaded twice
    assert compiled().library is not None
    (name,) = [path.name for path in (tmp_path / "another").iterdir()]
    monkeypatch.setenv("TAGMATES_CACHE", str(folder))
    folder.mkdir(mode=0o755)
    change(folder, planted(folder, name, proof))
    compiled.cache_clear()
    library = compiled().library
    assert library is not None
    assert proof.exists() == (change is change_nothing)
    if change is change_nothing:  # it was loaded, so that the others could have been
        return
    states = states_and_gradients(make_layers(1, 2, 3), packed_of([[3, 1]]))
    with plainly():
        assert_equal_up_to_rounding(states, states_and_gradients(make_layers(1, 2, 3), packed_of([[3, 1]])))

    whole_folder = change in (open_to_all, open_to_the_group, folder_of_another)
    assert (Path(library._name).parent == folder) != whole_folder
    assert len(caplog.messages) == whole_folder
    assert not whole_folder or str(folder) in caplog.messages[0]
    assert is_private(Path(library._name))
    caplog.clear()
    compiled.cache_clear()  # as the processes do that this one starts
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("is compiled again"))
    assert compiled().library is not None
    assert caplog.messages == []


@compiled_only
@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
@pytest.mark.slow
def test_what_is_built_is_private_whatever_the_umask(
    umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TAGMATES_CACHE", str(tmp_path / "a" / "cache"))
    before = os.umask(umask)
    try:
        library = compiled().library
        compiled.cache_clear()
        monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("is compiled again"))
        assert compiled().library is not None
    finally:
        os.umask(before)
    assert library is not None
    assert Path(library._name).parent == tmp_path / "a" / "cache"
    assert caplog.messages == []
