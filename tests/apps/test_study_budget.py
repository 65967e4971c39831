"""``study run`` within a budget: what it trains, where it ends, and that a later full run repeats nothing."""

import json
from pathlib import Path

import pytest
from command_line import done, refused
from tiny_study import write_tiny_study

RUN = ("study", "run", "tiny.toml", "--engine", "local")
FOLDER = Path("runs", "tiny", "runs")


@pytest.fixture(autouse=True)
def _study(here: Path) -> None:
    regimes = "regimes = ['single', 'pair', 'all']\n"
    write_tiny_study(here, regimes, sharing=["multi_dec"], seeds=[1, 2], max_epochs=1)


def finished() -> set[str]:
    return {path.parent.name.rpartition("-")[0] for path in FOLDER.glob("*/result.json")}


def test_tasks_alone_then_all_then_the_rest_and_nothing_twice() -> None:
    done(*RUN, "--trainings", "2")
    assert finished() == {"stl-pos-1", "stl-ner-1"}
    done(*RUN, "--trainings", "2")  # the budget is spent
    assert len(finished()) == 2
    done(*RUN, "--trainings", "3")
    assert finished() == {"stl-pos-1", "stl-ner-1", "multi_dec-pos+ner-1"}
    before = {path: path.stat().st_mtime_ns for path in FOLDER.glob("*/result.json")}
    done(*RUN)
    assert len(finished()) == 6
    assert {path: path.stat().st_mtime_ns for path in before} == before
    status = json.loads(done("study", "status", "tiny.toml", "--json").out)
    assert (status["total"]["done"], status["total"]["pending"]) == (6, 0)


def test_a_regret_that_is_large_enough_ends_it_after_the_first_of_each() -> None:
    outcome = done(*RUN, "--until", "1000", "--budget", "1h")
    assert finished() == {"stl-pos-1", "stl-ner-1", "multi_dec-pos+ner-1"}
    assert "pending: 3 runs; the same command continues, with a lower --until or without" in outcome.err


def test_budgets_that_cannot_be_are_refused() -> None:
    refused(2, "--budget and --time-limit", *RUN, "--budget", "1h", "--time-limit", "1h")
    refused(2, "--trainings 0: must be 1 or more", *RUN, "--trainings", "0")
    refused(2, "--until -1.0: must be 0 or more", *RUN, "--until", "-1")
    refused(2, "--budget soon: write a time", *RUN, "--budget", "soon")
    refused(2, "--budget : write a time", *RUN, "--budget", "")  # as of a shell's variable that is not set
    refused(2, "--until nan: must be 0 or more", *RUN, "--until", "nan")
    refused(2, "--until inf: must be 0 or more", *RUN, "--until", "inf")
