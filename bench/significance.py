"""How often the tests of differences err, and what they find, in simulated studies: ``python bench/significance.py``.

A study here is one task's column: a base, ten combinations that do not differ from it and one that is a point of F1
better, three seeds each unless the world says otherwise. A sentence's units are right or wrong for every run, or open;
how many of the open ones a run gets right depends on the sentence, on the combination with the sentence, on the seed,
on the seed with the sentence, and then on luck. F1 is about 72, and what a seed changes is mostly by sentence (as in
COM and MWE; seed std 0.1 here) to mostly the same for all sentences (as in FRAME; 1.0).

The worlds differ in the number of sentences, in how far seeds spread, in which combinations spread further than the
others (the base, one partner, half of the partners, each by its own factor), and in how many seeds are done. A
half-done study has what `study run` has done half-way: the base with all its seeds, then all partners with one seed,
then with two.

``size`` is the share of equal combinations that are called different at p <= 0.05, ``odd`` that share of the one
partner that spreads further, ``BH`` and ``Holm`` the share of studies in which any equal combination is called
different. None of the four may be above 6 %: a rate that is, by more than two standard errors of the simulation, ends
the bench with exit code 1. ``+1 found`` is the power: how often the better one is found (p <= 0.05); ``+1 BH``: by BH
among all eleven.

``luck`` is what the best by dev F1 of the equal combinations seems to gain on test, where it is above the base on dev:
the same seeds make both scores. ``advised``: how often the p of such an advice, times the combinations that it is the
best of, is 0.05 or less.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table
from scipy import special, stats

from tagmates.study.compare import arrow_between
from tagmates.study.significance import Evidence, SentenceCounts, adjust, compare_runs, linearise, pooled_variance

Floats = npt.NDArray[np.float64]

SEEDS = 3
EQUAL = 10  # combinations that do not differ from the base
SETTINGS = EQUAL + 2  # the base first, the better setting last
ODD = 1  # the partner that spreads further where only one does
BOUND = 6.0  # percent; no rate of false verdicts may be higher
MORE = 4  # times as many studies of the worlds that are quick to simulate and in which tests err most
CHUNK = 50  # studies that a worker simulates at a time
GAIN = 1.0  # points of F1 that the last setting is better by
UNITS = 5  # mean of a sentence
EASY, HARD, OPEN = 0.6, 0.15, 0.25  # shares of the units: right for every run, wrong for every run, neither
SENTENCE, SETTING, SEED = 1.0, 0.6, 0.4  # standard deviations by sentence; of a setting's and a seed's on top

Factors = tuple[float, ...]  # of every combination, base first
EVEN: Factors = (1.0,) * SETTINGS
ALL_SEEDS = (SEEDS,) * SETTINGS


def base_of(factor: float) -> Factors:
    """The base spreads so many times as far as the others."""
    return (factor, *EVEN[1:])


def partner_of(factor: float) -> Factors:
    """One partner spreads so many times as far as the others."""
    return tuple(factor if i == ODD else 1.0 for i in range(SETTINGS))


def half_of(factor: float) -> Factors:
    """Every second partner spreads so many times as far as the others; the base and the better setting do not."""
    return tuple(factor if i % 2 and i < SETTINGS - 1 else 1.0 for i in range(SETTINGS))


def runs_of(base: int, others: int, more: int = 0) -> tuple[int, ...]:
    """Numbers of runs: of the base, of all others, and one more of the first ``more`` others and of the better one."""
    return (base, *(others + (more > 0 and (i < more or i == EQUAL)) for i in range(SETTINGS - 1)))


@dataclass(frozen=True, slots=True)
class World:
    """The properties of a simulated study."""

    name: str
    sentences: int
    seed_std: float  # points of F1 that a seed moves all sentences by
    uneven: float = 0.0  # standard deviation, between settings, of that one's logarithm
    factors: Factors = EVEN  # by which it is multiplied
    runs: tuple[int, ...] = ALL_SEEDS
    choice: bool = False  # whether dev is simulated too, to choose the best of the equal settings

    @property
    def times(self) -> int:
        """How many times the usual number of studies is simulated."""
        return 1 if self.choice else MORE


WORLDS = [World("", n, std, choice=True) for n in (200, 603, 2000) for std in (0.1, 0.3, 0.5, 1.0)]
WORLDS += [World("uneven", 603, std, uneven=0.5, choice=True) for std in (0.5, 1.0)]
WORLDS += [
    World(f"base {factor:g}:1", n, 0.3, factors=base_of(factor))
    for n, factor in ((603, 3), (603, 5), (2000, 5), (603, 0.2))
]
WORLDS += [
    World(f"partner {factor:g}:1", n, 0.3, factors=partner_of(factor)) for n, factor in ((603, 3), (603, 5), (2000, 5))
]
WORLDS += [World("half 5:1", 603, 0.3, factors=half_of(5)), World("3 against 1", 603, 0.3, runs=runs_of(3, 1))]
WORLDS += [
    World(f"{name}{spread}", 603, 0.3, factors=factors, runs=runs)
    for name, runs in (
        ("3 against 2", runs_of(3, 2)),
        ("2 against 2", runs_of(2, 2)),
        ("half-done, 1 or 2", runs_of(3, 1, more=5)),
        ("half-done, 2 or 3", runs_of(3, 2, more=5)),
    )
    for spread, factors in (("", EVEN), (", base 5:1", base_of(5)), (", partner 5:1", partner_of(5)))
]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in percent and its standard error; None where nothing was tested."""

    value: float | None
    error: float = 0.0

    def __str__(self) -> str:
        return "–" if self.value is None else f"{self.value:.1f}±{self.error:.1f}"

    @property
    def is_too_high(self) -> bool:
        """Whether it is above the bound by more than the simulation's own error explains."""
        return self.value is not None and self.value - 2 * self.error > BOUND


@dataclass(frozen=True, slots=True)
class Row:
    """The results of many studies of one world; shares in percent."""

    world: str
    sentences: int
    seed_std: float
    spread: float  # standard deviation of F1 between seeds as measured: with that by sentence, points
    size: Rate  # of the equal settings, those called different (p <= 0.05)
    odd: Rate  # of the one partner that spreads further
    bh: Rate  # columns of equal settings with any called different by Benjamini-Hochberg, at 0.05
    holm: Rate  # by Holm
    rule: float  # of the equal settings, those with an arrow by the paper's rule
    bootstrap: float | None  # those that resampling the three seeds calls different
    welch: float | None  # those that Welch's test of the three seeds calls different
    coverage: Rate  # of the 95 % intervals, those that hold the truth
    luck: float | None  # points of test F1 that the best of the equal settings on dev seems to gain
    advised: Rate  # of these, those called different (p times the equal settings <= 0.05)
    power: Rate  # of the better settings, those found better (p <= 0.05)
    power_bh: Rate  # by Benjamini-Hochberg among all settings
    rule_power: float  # those with an upward arrow by the paper's rule

    @property
    def false_rates(self) -> dict[str, Rate]:
        """The rates that may not be above the bound."""
        return {"size": self.size, "odd": self.odd, "BH": self.bh, "Holm": self.holm}


@dataclass(frozen=True, slots=True)
class Column:
    """The verdicts of one study on its settings, the better one last; None for a setting that is not tested."""

    evidence: list[Evidence | None]
    arrows: list[str | None]
    bootstrap: npt.NDArray[np.bool_] | None
    welch: npt.NDArray[np.bool_] | None
    spread: float
    chosen: int | None  # of the equal settings the best on dev, where that is better than the base


def main(
    *,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
    repeats: int = 200,
    seed: int = 1,
    workers: int = 2,
    worlds: str = "",
) -> None:
    """Print a table, or one JSON object. Exit code 1: a rate of false verdicts is above its bound.

    ``worlds``: only those whose name begins so, as "partner 5:1".
    """
    start = time.perf_counter()
    chosen = [i for i, world in enumerate(WORLDS) if world.name.startswith(worlds)]
    chunks = [(i, n) for i in chosen for n in range(-(-WORLDS[i].times * repeats // CHUNK))]
    with ProcessPoolExecutor(workers) as pool:
        made = list(pool.map(columns, *zip(*[(i, n, seed) for i, n in chunks], strict=True)))
    of_world: dict[int, list[Column]] = {i: [] for i in chosen}
    for (i, _), some in zip(chunks, made, strict=True):
        of_world[i] += some
    rows = [measure(WORLDS[i], some) for i, some in of_world.items()]
    seconds = round(time.perf_counter() - start, 1)
    too_high = [
        f"{row.world}: {name} {rate}" for row in rows for name, rate in row.false_rates.items() if rate.is_too_high
    ]
    if as_json:
        values = {"repeats": repeats, "seed": seed, "seconds": seconds, "rows": [asdict(row) for row in rows]}
        print(json.dumps({**values, "too_high": too_high}))
    else:
        Console(width=190).print(
            table(
                rows,
                f"{repeats} columns of {EQUAL} + 1 settings a row, {MORE} times as many without luck, {seconds:.0f} s",
            )
        )
        print(
            "too high: " + "; ".join(too_high)
            if too_high
            else f"no rate of false verdicts is above {BOUND:g} % by more than twice its standard error"
        )
    if too_high:
        raise SystemExit(1)


def columns(world: int, chunk: int, seed: int) -> list[Column]:
    """The verdicts of some simulated studies of a world."""
    rng = np.random.default_rng([seed, world, chunk])
    return [judge(WORLDS[world], simulate(WORLDS[world], rng)) for _ in range(CHUNK)]


def measure(world: World, made: list[Column]) -> Row:
    """Count the verdicts on many studies of a world."""
    equal = [[e for e in column.evidence[:EQUAL] if e is not None] for column in made]
    flagged = [adjust(family) for family in equal if family]
    every = [adjust([e for e in column.evidence if e is not None]) for column in made]
    better = [e for column in made if (e := column.evidence[EQUAL]) is not None]
    odd = [e for column in made if (e := column.evidence[ODD - 1]) is not None]
    chosen = [column.evidence[column.chosen] for column in made if column.chosen is not None]
    advised = [e for e in chosen if e is not None]
    return Row(
        world.name,
        world.sentences,
        world.seed_std,
        spread=float(np.mean([column.spread for column in made])),
        size=rate([np.mean([e.p <= 0.05 for e in family]) for family in equal if family]),
        odd=rate([e.p <= 0.05 for e in odd] if world.factors[ODD] > 1 else []),
        bh=rate([any((e.q or 0) <= 0.05 for e in family) for family in flagged]),
        holm=rate([any((e.holm or 0) <= 0.05 for e in family) for family in flagged]),
        rule=percent([arrow is not None for column in made for arrow in column.arrows[:EQUAL]]),
        bootstrap=share([column.bootstrap[:EQUAL] for column in made if column.bootstrap is not None]),
        welch=share([column.welch[:EQUAL] for column in made if column.welch is not None]),
        coverage=rate([np.mean(held) for column in made if (held := list(coverage(column.evidence)))]),
        luck=round(float(np.mean([e.difference for e in advised])), 2) if advised else None,
        advised=rate([EQUAL * e.p <= 0.05 for e in advised]),
        power=rate([e.p <= 0.05 and e.difference > 0 for e in better]),
        power_bh=rate(
            [(family[-1].q or 0) <= 0.05 and family[-1].difference > 0 for family in every] if better else []
        ),
        rule_power=percent([column.arrows[EQUAL] == "up" for column in made]),
    )


def simulate(world: World, rng: np.random.Generator) -> SentenceCounts:
    """SentenceCounts of a column [settings, seeds, sentences, 3], the base first and the better setting last.

    Where the world has a choice, the first half of the sentences is dev and the second test.
    """
    sentences = 2 * world.sentences if world.choice else world.sentences
    units = 1 + rng.negative_binomial(2, 2 / (UNITS + 1), sentences)
    easy, hard, open_ = rng.multinomial(units, (EASY, HARD, OPEN)).T
    by_sentence = SENTENCE**2 + SETTING**2 + SEED**2
    a_point = np.sqrt(2 * np.pi * (1 + by_sentence)) / OPEN / 100  # what moves F1 by one, near the middle
    factors = np.array(world.factors)[:, None, None] * np.exp(world.uneven * rng.standard_normal((SETTINGS, 1, 1)))
    of_seeds = world.seed_std * a_point * factors
    # F1 is then OPEN * Phi(mean / scale) + EASY on average, whatever the variances
    scale = np.sqrt(1 + by_sentence + of_seeds**2)
    gain = np.zeros((SETTINGS, 1, 1))
    gain[-1] = special.ndtri(0.5 + GAIN / 100 / OPEN)
    ease = (
        scale * gain
        + SENTENCE * rng.standard_normal(sentences)
        + SETTING * rng.standard_normal((SETTINGS, 1, sentences))
        + of_seeds * rng.standard_normal((SETTINGS, SEEDS, 1))
        + SEED * rng.standard_normal((SETTINGS, SEEDS, sentences))
    )
    chance = special.ndtr(ease)
    tp = easy + rng.binomial(open_, chance)
    fp = hard + rng.binomial(open_, 1 - chance)
    return np.stack([tp, fp, units - tp], axis=-1).astype(np.int32)


def scores(column: SentenceCounts) -> Floats:
    """F1 in percent [settings, seeds]."""
    tp, fp, fn = np.moveaxis(column.sum(axis=2), -1, 0)
    return np.asarray(200 * tp / (2 * tp + fp + fn))


def judge(world: World, counts: SentenceCounts) -> Column:
    """Test every combination against the base, in each way, by the runs that the world has of each."""
    column = counts[:, :, -world.sentences :]
    f1 = scores(column)
    done = [some[:n].tolist() for some, n in zip(f1, world.runs, strict=True)]
    noise = pooled_variance(done)
    assert noise is not None
    lines = [linearise(list(some[:n])) for some, n in zip(column, world.runs, strict=True)]
    whole = min(world.runs) == SEEDS
    return Column(
        evidence=[compare_runs(line, lines[0], noise) for line in lines[1:]],
        arrows=[arrow_between(some, done[0], 1.5, "population") for some in done[1:]],
        bootstrap=bootstrap(f1[1:], f1[0]) if whole else None,
        welch=welch(f1[1:], f1[0]) if whole else None,
        spread=noise.value**0.5,
        chosen=best_on(counts[:, :, : world.sentences]) if world.choice else None,
    )


def best_on(dev: SentenceCounts) -> int | None:
    """Of the equal settings the best on dev, where it is better than the base."""
    f1 = scores(dev).mean(axis=1)
    best = int(f1[1 : EQUAL + 1].argmax())
    return best if f1[best + 1] > f1[0] else None


def welch(f1: Floats, base: Floats) -> npt.NDArray[np.bool_]:
    """Whether Welch's test of the seeds' scores calls each setting different."""
    return np.asarray(stats.ttest_ind_from_stats(*summary(f1), *summary(base), equal_var=False).pvalue <= 0.05)


def summary(f1: Floats) -> tuple[Floats, Floats, int]:
    """Mean, sample standard deviation and number of the seeds' scores, on the last axis."""
    return f1.mean(axis=-1), f1.std(axis=-1, ddof=1), SEEDS


def bootstrap(f1: Floats, base: Floats) -> npt.NDArray[np.bool_]:
    """Whether the middle 95 % of all resamples of three seeds against three leave out 0, for every combination."""
    draws = np.stack(np.meshgrid(*[range(SEEDS)] * SEEDS), axis=-1).reshape(-1, SEEDS)
    differences = f1[:, draws].mean(axis=-1)[:, :, None] - base[draws].mean(axis=-1)
    low, high = np.quantile(differences.reshape(len(f1), -1), (0.025, 0.975), axis=1)
    return np.asarray((low > 0) | (high < 0))


def coverage(evidence: Sequence[Evidence | None]) -> Iterator[bool]:
    """Whether the interval of each setting that is tested holds the truth."""
    for i, e in enumerate(evidence):
        if e is not None:
            yield e.low <= (GAIN if i == EQUAL else 0.0) <= e.high


def rate(shares: Sequence[object]) -> Rate:
    """The mean of what each study, or each test, says, and its standard error."""
    values = np.asarray(shares, dtype=np.float64)
    return (
        Rate(100 * float(values.mean()), 100 * float(values.std() / np.sqrt(len(values))))
        if len(values)
        else Rate(None)
    )


def share(verdicts: Sequence[object]) -> float | None:
    """The mean in percent, None of nothing."""
    return percent(verdicts) if verdicts else None


def percent(shares: Sequence[object] | np.float64) -> float:
    """The mean, in percent, to a tenth."""
    return round(100 * float(np.mean(np.asarray(shares, dtype=np.float64))), 1)


def table(rows: list[Row], caption: str) -> Table:
    """Rows as a table to read."""
    shown = Table(title="Called different at 0.05, % of settings (BH, Holm: of columns)", caption=caption, box=None)
    columns: dict[str, Callable[[Row], str]] = {
        "sents": lambda row: str(row.sentences),
        "seed std": lambda row: str(row.seed_std),
        "seen": lambda row: f"{row.spread:.2f}",
        "size": lambda row: str(row.size),
        "odd": lambda row: str(row.odd),
        "BH": lambda row: str(row.bh),
        "Holm": lambda row: str(row.holm),
        "paper's rule": lambda row: f"{row.rule}",
        "bootstrap": lambda row: "–" if row.bootstrap is None else str(row.bootstrap),
        "Welch": lambda row: "–" if row.welch is None else str(row.welch),
        "coverage": lambda row: str(row.coverage),
        "luck": lambda row: "–" if row.luck is None else f"{row.luck:+.2f}",
        "advised": lambda row: str(row.advised),
        "+1 found": lambda row: str(row.power),
        "+1 BH": lambda row: str(row.power_bh),
        "+1 rule": lambda row: f"{row.rule_power}",
    }
    shown.add_column("world")
    for name in columns:
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(row.world, *[text(row) for text in columns.values()])
    return shown


if __name__ == "__main__":
    run(main)
