"""How often the tests of differences err, and what they find, in simulated studies: ``python bench/significance.py``.

A study here is one task's column: a base, ten settings that do not differ from it and one that is a point of F1
better, three seeds each. A sentence's units are right or wrong for every run, or open; how many of the open ones a run
gets right depends on the sentence, on the setting with the sentence, on the seed, on the seed with the sentence, and
then on luck. F1 is about 72, and what a seed changes is mostly by sentence (as in COM and MWE; seed std 0.1 here) to
mostly the same for all sentences (as in FRAME; 1.0). ``uneven``: settings differ in how far their seeds spread.

``luck`` is what the best by dev F1 of the equal settings seems to gain on test, where it is above the base on dev: the
same seeds make both scores. ``advised``: how often the p of such an advice, times the settings that it is the best of,
is 0.05 or less.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table
from scipy import special, stats

from tagmates.study.compare import arrow_between
from tagmates.study.record import Counts
from tagmates.study.significance import Evidence, adjust, compare_runs, linearise, pooled_variance

Floats = npt.NDArray[np.float64]

SEEDS = 3
EQUAL = 10  # settings that do not differ from the base
GAIN = 1.0  # points of F1 that the last setting is better by
UNITS = 5  # mean of a sentence
EASY, HARD, OPEN = 0.6, 0.15, 0.25  # shares of the units: right for every run, wrong for every run, neither
SENTENCE, SETTING, SEED = 1.0, 0.6, 0.4  # standard deviations by sentence; of a setting's and a seed's on top


@dataclass(frozen=True, slots=True)
class World:
    """What a simulated study varies."""

    sentences: int
    seed_std: float  # points of F1 that a seed moves all sentences by
    uneven: float = 0.0  # standard deviation, between settings, of that one's logarithm


@dataclass(frozen=True, slots=True)
class Row:
    """What came out of many studies of one world; shares in percent."""

    sentences: int
    seed_std: float
    uneven: float
    spread: float  # standard deviation of F1 between seeds as measured: with that by sentence, points
    size: float  # of the equal settings, those called different (p <= 0.05)
    size_error: float  # one standard error
    bh: float  # columns of equal settings with any called different by Benjamini-Hochberg, at 0.05
    holm: float  # by Holm
    rule: float  # of the equal settings, those with an arrow by the paper's rule
    bootstrap: float  # those that resampling the three seeds calls different
    welch: float  # those that Welch's test of the three seeds calls different
    coverage: float  # of the 95 % intervals, those that hold the truth
    luck: float  # points of test F1 that the best of the equal settings on dev seems to gain
    advised: float  # of these, those called different (p times the equal settings <= 0.05)
    power: float  # of the better settings, those found better (p <= 0.05)
    rule_power: float  # those with an upward arrow by the paper's rule


@dataclass(frozen=True, slots=True)
class Column:
    """The verdicts of one study on its settings, the better one last."""

    evidence: list[Evidence]
    arrows: list[str | None]
    bootstrap: npt.NDArray[np.bool_]
    welch: npt.NDArray[np.bool_]
    spread: float
    chosen: int | None  # of the equal settings the best on dev, where that is better than the base


WORLDS = [World(n, std) for n in (200, 603, 2000) for std in (0.1, 0.3, 0.5, 1.0)]
WORLDS += [World(603, std, uneven=0.5) for std in (0.5, 1.0)]


def main(
    *,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
    repeats: int = 150,
    seed: int = 1,
) -> None:
    """Print a table, or one JSON object."""
    start = time.perf_counter()
    rows = [measure(world, repeats, np.random.default_rng([seed, i])) for i, world in enumerate(WORLDS)]
    seconds = round(time.perf_counter() - start, 1)
    if as_json:
        print(json.dumps({"repeats": repeats, "seed": seed, "seconds": seconds, "rows": [asdict(row) for row in rows]}))
    else:
        Console(width=140).print(table(rows, f"{repeats} columns of {EQUAL} + 1 settings a row, {seconds:.0f} s"))


def measure(world: World, repeats: int, rng: np.random.Generator) -> Row:
    """Simulate studies of a world and count verdicts."""
    columns = [judge(*halves(simulate(world, rng))) for _ in range(repeats)]
    chosen = [column.evidence[column.chosen] for column in columns if column.chosen is not None]
    sizes = [np.mean([e.p <= 0.05 for e in column.evidence[:EQUAL]]) for column in columns]
    flagged = [adjust(column.evidence[:EQUAL]) for column in columns]
    return Row(
        world.sentences,
        world.seed_std,
        world.uneven,
        spread=float(np.mean([column.spread for column in columns])),
        size=percent(sizes),
        size_error=percent(np.std(sizes) / np.sqrt(repeats)),
        bh=percent([any((e.q or 0) <= 0.05 for e in family) for family in flagged]),
        holm=percent([any((e.holm or 0) <= 0.05 for e in family) for family in flagged]),
        rule=percent([arrow is not None for column in columns for arrow in column.arrows[:EQUAL]]),
        bootstrap=percent([column.bootstrap[:EQUAL] for column in columns]),
        welch=percent([column.welch[:EQUAL] for column in columns]),
        coverage=percent([covered for column in columns for covered in coverage(column.evidence)]),
        luck=round(float(np.mean([evidence.difference for evidence in chosen])), 2),
        advised=percent([EQUAL * evidence.p <= 0.05 for evidence in chosen]),
        power=percent([column.evidence[EQUAL].p <= 0.05 < column.evidence[EQUAL].difference for column in columns]),
        rule_power=percent([column.arrows[EQUAL] == "up" for column in columns]),
    )


def simulate(world: World, rng: np.random.Generator) -> Counts:
    """Counts of a column [settings, seeds, dev and test sentences, 3], the base first and the better setting last."""
    settings, sentences = EQUAL + 2, 2 * world.sentences
    units = 1 + rng.negative_binomial(2, 2 / (UNITS + 1), sentences)
    easy, hard, open_ = rng.multinomial(units, (EASY, HARD, OPEN)).T
    by_sentence = SENTENCE**2 + SETTING**2 + SEED**2
    a_point = np.sqrt(2 * np.pi * (1 + by_sentence)) / OPEN / 100  # what moves F1 by one, near the middle
    of_seeds = world.seed_std * a_point * np.exp(world.uneven * rng.standard_normal((settings, 1, 1)))
    # F1 is then OPEN * Phi(mean / scale) + EASY on average, whatever the variances
    scale = np.sqrt(1 + by_sentence + of_seeds**2)
    gain = np.zeros((settings, 1, 1))
    gain[-1] = special.ndtri(0.5 + GAIN / 100 / OPEN)
    ease = (
        scale * gain
        + SENTENCE * rng.standard_normal(sentences)
        + SETTING * rng.standard_normal((settings, 1, sentences))
        + of_seeds * rng.standard_normal((settings, SEEDS, 1))
        + SEED * rng.standard_normal((settings, SEEDS, sentences))
    )
    chance = special.ndtr(ease)
    tp = easy + rng.binomial(open_, chance)
    fp = hard + rng.binomial(open_, 1 - chance)
    return np.stack([tp, fp, units - tp], axis=-1).astype(np.int32)


def halves(column: Counts) -> tuple[Counts, Counts]:
    """The dev and the test sentences, as many of each."""
    dev, test = np.split(column, 2, axis=2)
    return dev, test


def scores(column: Counts) -> Floats:
    """F1 in percent [settings, seeds]."""
    tp, fp, fn = np.moveaxis(column.sum(axis=2), -1, 0)
    return np.asarray(200 * tp / (2 * tp + fp + fn))


def judge(dev: Counts, column: Counts) -> Column:
    """Test every setting against the base, in each way."""
    f1, on_dev = scores(column), scores(dev).mean(axis=1)
    best = int(on_dev[1 : EQUAL + 1].argmax())
    noise = pooled_variance(f1.tolist())
    assert noise is not None
    against = linearise(list(column[0]))
    evidence = [compare_runs(linearise(list(some)), against, noise) for some in column[1:]]
    base = f1[0].tolist()
    return Column(
        evidence=[e for e in evidence if e is not None],
        arrows=[arrow_between(some, base, 1.5, "population") for some in f1[1:].tolist()],
        bootstrap=bootstrap(f1[1:], f1[0]),
        welch=stats.ttest_ind_from_stats(*summary(f1[1:]), *summary(f1[0]), equal_var=False).pvalue <= 0.05,
        spread=noise.value**0.5,
        chosen=best if on_dev[best + 1] > on_dev[0] else None,
    )


def summary(f1: Floats) -> tuple[Floats, Floats, int]:
    """Mean, sample standard deviation and number of the seeds' scores, on the last axis."""
    return f1.mean(axis=-1), f1.std(axis=-1, ddof=1), SEEDS


def bootstrap(f1: Floats, base: Floats) -> npt.NDArray[np.bool_]:
    """Whether the middle 95 % of all resamples of three seeds against three leave out 0, for every setting."""
    draws = np.stack(np.meshgrid(*[range(SEEDS)] * SEEDS), axis=-1).reshape(-1, SEEDS)
    differences = f1[:, draws].mean(axis=-1)[:, :, None] - base[draws].mean(axis=-1)
    low, high = np.quantile(differences.reshape(len(f1), -1), (0.025, 0.975), axis=1)
    return np.asarray((low > 0) | (high < 0))


def coverage(evidence: list[Evidence]) -> Iterator[bool]:
    """Whether the interval of each setting holds the truth."""
    for i, e in enumerate(evidence):
        yield e.low <= (GAIN if i == EQUAL else 0.0) <= e.high


def percent(shares: Sequence[object] | np.float64) -> float:
    """The mean, in percent, to a tenth."""
    return round(100 * float(np.mean(np.asarray(shares, dtype=np.float64))), 1)


def table(rows: list[Row], caption: str) -> Table:
    """Rows as a table to read."""
    shown = Table(title="Called different at 0.05, % of settings (BH, Holm: of columns)", caption=caption, box=None)
    columns: dict[str, Callable[[Row], str]] = {
        "sents": lambda row: str(row.sentences),
        "seed std": lambda row: f"{'uneven ' if row.uneven else ''}{row.seed_std}",
        "seen": lambda row: f"{row.spread:.2f}",
        "size": lambda row: f"{row.size}±{row.size_error}",
        "BH": lambda row: f"{row.bh}",
        "Holm": lambda row: f"{row.holm}",
        "paper's rule": lambda row: f"{row.rule}",
        "bootstrap": lambda row: f"{row.bootstrap}",
        "Welch": lambda row: f"{row.welch}",
        "coverage": lambda row: f"{row.coverage}",
        "luck": lambda row: f"{row.luck:+.2f}",
        "advised": lambda row: f"{row.advised}",
        "+1 found": lambda row: f"{row.power}",
        "+1 rule": lambda row: f"{row.rule_power}",
    }
    for name in columns:
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(*[text(row) for text in columns.values()])
    return shown


if __name__ == "__main__":
    run(main)
