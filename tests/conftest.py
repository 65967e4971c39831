"""One thread for torch, no cache of corpora, shape checks of tensor functions, before anything imports tagmates."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from hypothesis import settings

# Not the records without tensors: beartype checks a random item of a tuple, and hypothesis forbids strategies to draw
# from the random module. Nor kernels in Triton, which reads their source itself.
CHECKED = (
    "tagmates.batching.packed_sequence",
    "tagmates.batching.lane_corpora",
    "tagmates.batching.batches",
    *(f"tagmates.kernels.{name}" for name in ("reference", "c", "build", "selftest", "dispatch")),
    "tagmates.model",
)
CHECKED_IN = {"batching", "kernels", "model"}  # folders of tests; make test-slow checks in all

# make test tries 30 examples of a property, make test-slow 100, where a test does not say otherwise; time fails no test
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=100, deadline=None)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
settings.load_profile(PROFILE)

torch.set_num_threads(1)
# a shell has Ctrl-C ignored by what it runs in the background, and so would be the processes that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["TAGMATES_CACHE_CORPORA"] = "0"
os.fsync = lambda fd: None  # slow, and seen only where the power fails, which happens in no test
os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton, as torch's optimizers do
jaxtyping.install_import_hook(list(CHECKED), "beartype.beartype")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The checks of shapes take a third of the time of a small training."""
    checked = PROFILE == "thorough" or item.path.parent.name in CHECKED_IN
    jaxtyping.config.update("jaxtyping_disable", not checked)


def pytest_collection_finish() -> None:
    """The modules that the tests have loaded stay; the garbage collector need not look through them again and again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _timing_in_this_process() -> Iterator[None]:
    """``study plan`` times two updates in the test's own process; users get processes: test_timing.py."""
    from tagmates.study import speeds, timing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "WARM_UP", (1, 0.0))
        patch.setattr(timing, "MEASUREMENT", (1, 0.0))
        patch.setattr(speeds, "time_together", lambda assigned, data: [timing._time_all(own, data) for own in assigned])
        yield


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGMATES_DATA", raising=False)
    return tmp_path
