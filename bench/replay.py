"""How good the advice is after how many trainings, replayed on grids of pairs that are published.

    python bench/replay.py --data "$TAGMATES_DATA" [--repeats 20] [--pairs-2017 FILE]
        [--write tagmates/study/suggest.json] [--json]

A replay knows nothing but the training data and the F1 of each task alone in one run. Then pairs are trained one after
another; a training shows the published F1 of both tasks plus the noise of one seed (docs/runs/paper says how far seeds
spread). Advice is, for every task, the helper with the highest expected gain, or none. Its worth is the published gain,
and ``share`` is the sum of these over the sum that knowing the grid would reach.

Ways to choose and to advise:

* ``model``: the model of gains advises, and the next pair is the first by the free ranking (``by rank``), that of the
  highest knowledge gradient (``by value``), that of the highest expected improvement (``by improvement``), the best
  pair of a draw of all gains (``Thompson``), or a random one;
* ``with All``: likewise, where one training of all tasks comes first, and All may be the advice and is achievable;
* ``free ranking``: trains in the order of the free ranking, advises the best score seen, before any the first in rank;
* ``scores``: pairs in random order, advises the best score seen, without a model;
* ``halving``: trains the first half of the free ranking once, then its best half again, and so on.

The constants of the model were fitted without the grid that is replayed, and the runs of the replay re-estimate how
far gains spread, as those of a study do; ``task left out`` leaves out each task that is advised as well.
``names permuted``: the training data of the tasks change hands, which shows what chance gives.

``--pairs-2017`` is a JSON file of the grid of Bingel and Søgaard (2017): ``gain`` (task -> helper -> percent of its F1
alone) and ``nearest_task_of_the_2018_study``. What is counted of the first suggestions goes into ``--write``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import log10
from pathlib import Path
from statistics import fmean

import numpy as np
from finished import study_folder
from fit_gains import Grid, fit, grids, load_data, seed_variances
from rounds import arguments
from scipy.stats import norm, spearmanr

from tagmates.data.affinity import Affinity, TrainingData
from tagmates.data.corpora import load_indexed
from tagmates.data.tasks import load_tasks
from tagmates.study.affinities import StudyAffinities
from tagmates.study.chooser import value_of_training
from tagmates.study.gain_spread import gains_given
from tagmates.study.gains import ALONE, GainPrior, Helpers, TaskGains, gain_priors, gains_before, scale_of
from tagmates.study.locate import open_study
from tagmates.study.plan import combination_of
from tagmates.study.published import PAPER_TASKS, published
from tagmates.study.status import current_status

MARKS = (0, 3, 6, 11, 17, 28, 55)
Pair = tuple[str, str]
Advice = Mapping[str, Helpers]


@dataclass(frozen=True)
class Observation:
    """The F1 of a task in one run with these helpers."""

    task: str
    helpers: Helpers
    f1: float


@dataclass(frozen=True)
class World:
    """A grid to replay, and what is known before."""

    grid: Grid
    pairs: Sequence[Affinity]
    data: Mapping[str, TrainingData]
    noise: Mapping[str, float]  # variance of a run's F1
    prior: GainPrior
    has_all: bool = False  # whether all tasks together may be trained and advised

    def gain(self, task: str, helpers: Helpers) -> float:
        """The published gain."""
        if not helpers:
            return 0.0
        (first, *others) = helpers
        return self.grid.everything[task] if others else self.grid.gains[task, first]

    def run(self, tasks: Sequence[str], random: np.random.Generator) -> list[Observation]:
        """Train once."""
        found = []
        for task in tasks:
            helpers = frozenset(tasks) - {task}
            true = self.grid.alone[task] + self.gain(task, helpers)
            found.append(Observation(task, helpers, true + random.normal(0, self.noise[task] ** 0.5)))
        return found

    def before(self, random: np.random.Generator) -> "Known":
        """After the tasks alone, and all of them together if that is allowed."""
        found, runs = {}, {}
        together = {seen.task: seen for seen in self.run(list(self.data), random)} if self.has_all else {}
        for task in self.data:
            (seen,) = self.run([task], random)
            own = [a for a in self.pairs if a.task == task]
            sets = [together[task].helpers] if together else []
            found[task] = gains_before(
                own, self.data[task], alone=seen.f1, noise=self.noise[task], sets=sets, prior=self.prior
            )
            runs[task] = [(ALONE, seen.f1), *((each.helpers, each.f1) for each in _of(together, task))]
        return Known(found, runs)

    def after(self, known: "Known", pair: Pair, random: np.random.Generator) -> "Known":
        """After one training of a pair."""
        runs = {task: list(own) for task, own in known.runs.items()}
        for seen in self.run(pair, random):
            runs[seen.task].append((seen.helpers, seen.f1))
        return Known(known.expected, runs)

    def worth(self, advice: Advice) -> float:
        """Share of what knowing the grid would gain."""
        return sum(self.gain(task, helpers) for task, helpers in advice.items()) / self.achievable

    @property
    def achievable(self) -> float:
        """What knowing the grid would gain, in points of F1, summed over tasks."""
        most = 0.0
        for task in self.data:
            together = [self.grid.everything[task]] if self.has_all else []
            most += max(0, *together, *(self.grid.gains[task, h] for h in self.data if h != task))
        return most


@dataclass(frozen=True)
class Known:
    """What is known at some point: the gains of every task before any run, and its runs so far."""

    expected: Mapping[str, TaskGains]
    runs: Mapping[str, list[tuple[Helpers, float]]]

    @cached_property
    def gains(self) -> dict[str, TaskGains]:
        """The gains of every task after the runs."""
        return gains_given(self.expected, self.runs)


def _of(seen: Mapping[str, Observation], task: str) -> list[Observation]:
    return [seen[task]] if task in seen else []


def improvement(gains: Mapping[str, TaskGains], pair: Pair) -> float:
    """How much more than the best expected gain the gains of a pair are expected to be, summed over its tasks."""
    total = 0.0
    for task in pair:
        gain, best = gains[task].gain([other for other in pair if other != task]), max(0.0, gains[task].best()[1])
        z = (gain.mean - best) / gain.std
        total += gain.std * float(z * norm.cdf(z) + norm.pdf(z))
    return total


def best_of_a_draw(gains: Mapping[str, TaskGains], left: Sequence[Pair], random: np.random.Generator) -> int:
    """Of the pairs, the one that gains most over the advice if the gains are those of one draw (Thompson sampling)."""
    drawn = {t: g.rows @ random.multivariate_normal(g.mean, g.covariance) + g.constants for t, g in gains.items()}
    places = {t: {helpers: place for place, helpers in enumerate(g.sets)} for t, g in gains.items()}
    advised = {t: int(g.means().argmax()) for t, g in gains.items()}

    def value(pair: Pair) -> float:
        each = ((task, places[task][frozenset(pair) - {task}]) for task in pair)
        return sum(max(0.0, drawn[task][place] - drawn[task][advised[task]]) for task, place in each)

    return int(np.argmax([value(pair) for pair in left]))


def _print_achievable(world: World, with_all: World) -> None:
    """What the shares are shares of: each hundredth that is missing is a hundredth of it in regret."""
    pairs, every = (each.achievable / len(each.data) for each in (world, with_all))
    print(
        f"  achievable: {pairs:.2f} points of F1 a task by pairs, {every:.2f} with All; so a share of 75 % is a regret "
        f"of {pairs / 4:.2f} and {every / 4:.2f}"
    )


def _advice(gains: Mapping[str, TaskGains]) -> Advice:
    return {task: known.best()[0] for task, known in gains.items()}


def by_model(world: World, random: np.random.Generator, order: str, marks: Sequence[int] = MARKS) -> list[float]:
    """The share at every mark; ``order`` of the pairs is rank, value, improvement, Thompson or random."""
    known = world.before(random)
    left = list(combinations(world.data, 2))
    random.shuffle(left)
    if order == "rank":
        rank = {(a.task, a.helper): a.rank for a in world.pairs}
        left.sort(key=lambda pair: -max(rank[pair], rank[pair[::-1]]))
    shares = []
    for number in range(marks[-1] + 1):
        gains = known.gains
        if number in marks:
            shares.append(world.worth(_advice(gains)))
        if left:
            place = 0
            if order == "value":
                place = int(np.argmax([value_of_training(gains, pair) for pair in left]))
            if order == "improvement":
                place = int(np.argmax([improvement(gains, pair) for pair in left]))
            if order == "Thompson":
                place = best_of_a_draw(gains, left, random)
            known = world.after(known, left.pop(place), random)
    return shares


def by_scores(world: World, random: np.random.Generator, *, ranked: bool, marks: Sequence[int] = MARKS) -> list[float]:
    """Advise the best difference seen; of a task without any, the first in rank, or with random order none."""
    rank = {(a.task, a.helper): a.rank for a in world.pairs}
    alone = {seen.task: seen.f1 for task in world.data for seen in world.run([task], random)}
    left = list(combinations(world.data, 2))
    random.shuffle(left)
    if ranked:
        left.sort(key=lambda pair: -max(rank[pair], rank[pair[::-1]]))
    first = {t: frozenset([max((h for h in world.data if h != t), key=lambda h: rank[t, h])]) for t in world.data}
    seen: dict[str, dict[Helpers, float]] = {task: {} for task in world.data}
    shares = []
    for number in range(marks[-1] + 1):
        if number in marks:
            advice = {}
            for task, gains in seen.items():
                best = max(gains, key=gains.__getitem__, default=ALONE)
                advice[task] = best if gains and gains[best] > 0 else ALONE if gains or not ranked else first[task]
            shares.append(world.worth(advice))
        if left:
            for each in world.run(left.pop(0), random):
                seen[each.task][each.helpers] = each.f1 - alone[each.task]
    return shares


def by_halving(world: World, random: np.random.Generator) -> list[float]:
    """Successive halving of the pairs in the order of the free ranking, for as many trainings as each mark allows."""
    rank = {(a.task, a.helper): a.rank for a in world.pairs}
    shares = []
    for most in MARKS:
        alone = {seen.task: seen.f1 for task in world.data for seen in world.run([task], random)}
        scores: dict[tuple[str, Helpers], list[float]] = {}
        order = sorted(combinations(world.data, 2), key=lambda pair: -max(rank[pair], rank[pair[::-1]]))
        rung, spent = order[: max(1, most // 2)], 0
        while spent < most:
            for pair in rung[: most - spent]:
                for each in world.run(pair, random):
                    scores.setdefault((each.task, each.helpers), []).append(each.f1 - alone[each.task])
            spent += len(rung)

            means = {key: fmean(seen) for key, seen in scores.items()}
            trained = [pair for pair in rung if (pair[0], frozenset([pair[1]])) in means]
            higher = {(a, b): max(means[a, frozenset([b])], means[b, frozenset([a])]) for a, b in trained}
            rung = sorted(trained, key=higher.__getitem__)[::-1]
            rung = rung[: max(1, len(rung) // 2)]
        advice = {}
        for task in world.data:
            own = {helpers: fmean(seen) for (t, helpers), seen in scores.items() if t == task}
            best = max(own, key=own.__getitem__, default=ALONE)
            free = frozenset([max((h for h in world.data if h != task), key=lambda h, task=task: rank[task, h])])
            advice[task] = free if not own else best if own[best] > 0 else ALONE
        shares.append(world.worth(advice))
    return shares


def inside(world: World, gains: Mapping[str, TaskGains]) -> float:
    """The share of the published gains, of pairs not yet trained, that the 80 % intervals hold."""
    held = []
    for (task, helper), true in world.grid.gains.items():
        low, high = gains[task].gain([helper]).interval()
        held.append(low <= true <= high)
    return fmean(held)


def calibration(world: World, random: np.random.Generator) -> tuple[float, float, float]:
    """Before any pair, after 11, and after 11 with the fitted variances as they are."""
    known = world.before(random)
    before = inside(world, known.gains)
    rank = {(a.task, a.helper): a.rank for a in world.pairs}
    left = sorted(combinations(world.data, 2), key=lambda pair: -max(rank[pair], rank[pair[::-1]]))
    for pair in left[:11]:
        known = world.after(known, pair, random)
    fitted = {task: gains.after(known.runs[task]) for task, gains in known.expected.items()}
    return before, inside(world, known.gains), inside(world, fitted)


def permuted(world: World, random: np.random.Generator) -> World:
    """The training data of the tasks change hands."""
    to = dict(zip(world.data, random.permutation(list(world.data)), strict=True))
    back = {new: old for old, new in to.items()}
    old = {(a.task, a.helper): a for a in world.pairs}
    pairs = []
    for t, h in [(a.task, a.helper) for a in world.pairs]:
        a = old[to[t], to[h]]
        pairs.append(Affinity(t, h, a.shared_words, a.mutual_information, a.helper_information, a.rank))
    assert back
    return World(world.grid, pairs, {t: world.data[to[t]] for t in world.data}, world.noise, world.prior)


def rank_correlation(pairs: Sequence[Affinity], gains: Mapping[Pair, float]) -> float:
    """Mean over tasks of Spearman's coefficient between rank and gain of its helpers."""
    found = []
    for task in dict.fromkeys(a.task for a in pairs):
        own = [a for a in pairs if a.task == task and (task, a.helper) in gains]
        if len(own) > 2:
            found.append(spearmanr([a.rank for a in own], [gains[task, a.helper] for a in own])[0])
    return float(np.mean(found))


def left_out_task(world: World, fitted: Mapping[str, GainPrior], random: np.random.Generator) -> float:
    """The share before any training where the advice for each task uses constants fitted without it."""
    advice = {}
    for task, prior in fitted.items():
        gains = World(world.grid, world.pairs, world.data, world.noise, prior).before(random).gains
        advice[task] = gains[task].best()[0]
    return world.worth(advice)


def count_first(
    gains: Mapping[Pair, float], pairs: Sequence[Affinity], data: Mapping[str, TrainingData]
) -> tuple[int, int, float]:
    """Of a grid: its tasks, for how many the first suggestion is better than alone, and the share of the best gains."""
    tasks = [task for task in data if any(own == task for own, _ in gains)]
    first = {}
    for task in tasks:
        own = [a for a in pairs if a.task == task and (task, a.helper) in gains]
        predicted = gains_before(own, data[task])
        first[task] = gains[task, max(own, key=lambda a: predicted.gain([a.helper]).mean).helper]
    best = {task: max(0, *(gain for (own, _), gain in gains.items() if own == task)) for task in tasks}
    return len(tasks), sum(gain > 0 for gain in first.values()), sum(first.values()) / sum(best.values())


def larger_sets(data: Mapping[str, TrainingData]) -> None:
    """Print how the gains from several helpers follow from those of their pairs, by the number of helpers.

    All, All-but-one and Oracle of the three grids; the partners of Oracle were chosen on these pairs, whose gains are
    therefore too high.
    """
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for table in published().values():
        alone = {task: table.single[task].mean for task in PAPER_TASKS}
        cells = [("All", task, cell) for task, cell in table.all.items()]
        cells += [("All-but-one", task, cell) for (_, task), cell in table.all_but_one.items()]
        cells += [("Oracle", task, cell) for task, cell in table.oracle.items()]
        for regime, task, cell in cells:
            helpers = [each for each in cell.combination.tasks if each != task]
            if not helpers:
                continue
            mean = fmean(table.pairs[helper, task].mean - alone[task] for helper in helpers)
            prior, share = gain_priors().scored, min(1.0, log10(len(helpers)))
            scale = scale_of(prior, data[task], alone[task])
            expected = share * prior.joint[0] * scale + (1 + share * (prior.joint[1] - 1)) * mean
            found.setdefault((regime, len(helpers)), []).append((mean, expected, cell.mean - alone[task]))
    print("gains from several helpers: regime, helpers, cells, mean gain of their pairs, expected, published")
    for (regime, number), rows in sorted(found.items()):
        means = np.mean(rows, axis=0)
        print(f"  {regime:12} {number:2} {len(rows):4}" + "".join(f"{value:7.2f}" for value in means))
    rows = [row for some in found.values() for row in some]
    print(f"  published and expected correlate {np.corrcoef(np.array(rows)[:, 1:].T)[0, 1]:.2f} over {len(rows)} cells")


def own_grid(folder: Path) -> Grid:
    """The grid of the tasks of which a study's folder has all pairs by MULTI-DEC: the largest there is, of dev F1."""
    study = open_study(folder)
    runs = current_status(study.settings, study.tasks, study.store).runs

    def mean(*tasks: str) -> dict[str, float]:
        combination = combination_of("multi_dec", tasks, study.tasks)
        return {task: fmean(runs.scores(combination, task, "dev")) for task in tasks} if combination in runs else {}

    sizes = range(len(study.tasks), 1, -1)
    some = (chosen for size in sizes for chosen in combinations(study.tasks, size))
    tasks = next(chosen for chosen in some if all(mean(*pair) for pair in combinations(chosen, 2)))
    alone = {task: mean(task)[task] for task in tasks}
    gains = {
        (task, helper): mean(task, helper)[task] - alone[task] for task in tasks for helper in tasks if task != helper
    }
    return Grid(gains, alone, {})


def replay_own(folder: Path, data: str, noise: Mapping[str, float], repeats: int) -> None:
    """Replay the finished runs of a study; the constants come from the published grids."""
    grid = own_grid(folder)
    indexed = load_indexed(load_tasks(data), list(grid.alone))
    known = StudyAffinities.from_trains({task: indexed[task].splits["train"] for task in grid.alone})
    world = World(grid, known.pairs, known.data, noise, gain_priors().scored)
    print(f"{folder}, MULTI-DEC, {', '.join(grid.alone)}: ", end="")
    print(f"rank and gain, Spearman within tasks {rank_correlation(known.pairs, grid.gains):.2f}")
    number = len(grid.gains) // 2
    marks = [mark for mark in (0, 1, 2, 3, 5, 7, 10, 15, 21, 28) if mark <= number]
    print(f"  share of the achievable gain after pairs {', '.join(map(str, marks))}")
    ways = {
        "model, by rank": lambda r: by_model(world, r, "rank", marks),
        "model, by value": lambda r: by_model(world, r, "value", marks),
        "model, random": lambda r: by_model(world, r, "random", marks),
        "free ranking": lambda r: by_scores(world, r, ranked=True, marks=marks),
        "scores": lambda r: by_scores(world, r, ranked=False, marks=marks),
    }
    for name, way in ways.items():
        shares = np.mean([way(np.random.default_rng(seed)) for seed in range(repeats)], axis=0)
        print(f"  {name:22}" + "".join(f"{share:7.0%}" for share in shares), flush=True)


def grid_of_2017(path: Path) -> dict[Pair, float]:
    """Its tasks that have a counterpart in the paper: task, helper -> gain in percent of the F1 alone."""
    content = json.loads(path.read_text())
    names = {name: near for name, near in content["nearest_task_of_the_2018_study"].items() if near}
    return {
        (names[task], names[helper]): gain
        for task, own in content["gain"].items()
        for helper, gain in own.items()
        if task in names and helper in names
    }


def main() -> None:
    """Replay and print."""
    options = arguments(__doc__, data="", repeats=20, runs="docs/runs/paper.jsonl.xz", write="", **{"pairs-2017": ""})
    pairs, data = load_data(options.data)
    noise = seed_variances(study_folder(options.runs))
    everything = grids()
    results: dict[str, dict[str, object]] = {}
    larger_sets(data)
    replay_own(study_folder(options.runs), options.data, noise, options.repeats)
    for method, grid in everything.items():
        others = [other for name, other in everything.items() if name != method]
        world = World(grid, pairs, data, noise, fit(others, pairs, data, noise, scored=True))
        with_all = replace(world, has_all=True)
        _print_achievable(world, with_all)
        ways = {
            "model, by rank": lambda r, w=world: by_model(w, r, "rank"),
            "model, by value": lambda r, w=world: by_model(w, r, "value"),
            "model, by improvement": lambda r, w=world: by_model(w, r, "improvement"),
            "model, Thompson": lambda r, w=world: by_model(w, r, "Thompson"),
            "by rank, with All": lambda r, w=with_all: by_model(w, r, "rank"),
            "by value, with All": lambda r, w=with_all: by_model(w, r, "value"),
            "by improvement, All": lambda r, w=with_all: by_model(w, r, "improvement"),
            "model, random": lambda r, w=world: by_model(w, r, "random"),
            "free ranking": lambda r, w=world: by_scores(w, r, ranked=True),
            "scores": lambda r, w=world: by_scores(w, r, ranked=False),
            "halving": lambda r, w=world: by_halving(w, r),
            "names permuted": lambda r, w=world: by_model(permuted(w, r), r, "rank"),
        }
        print(f"{method}: rank and gain, Spearman within tasks {rank_correlation(pairs, grid.gains):.2f}")
        print(f"  share of the achievable gain after pairs {', '.join(map(str, MARKS))}")
        shown: dict[str, object] = {}
        for name, way in ways.items():
            shares = np.mean([way(np.random.default_rng(seed)) for seed in range(options.repeats)], axis=0)
            shown[name] = [round(float(share), 3) for share in shares]
            print(f"  {name:22}" + "".join(f"{share:7.0%}" for share in shares), flush=True)
        fitted = {t: fit(others, pairs, data, noise, scored=True, without=t) for t in PAPER_TASKS}
        left = fmean(left_out_task(world, fitted, np.random.default_rng(s)) for s in range(options.repeats))
        print(f"  before any pair, task left out: {left:.0%}")
        for name, each in (("", world), (", with All", with_all)):
            some = [calibration(each, np.random.default_rng(seed)) for seed in range(options.repeats)]
            held = np.mean(some, axis=0).tolist()
            print(
                f"  80 % intervals hold {held[0]:.0%} of gains before any pair{name}, {held[1]:.0%} after 11, "
                f"{held[2]:.0%} with the fitted variances as they are",
                flush=True,
            )
            shown[f"calibration{name}"] = held
        results[method] = {**shown, "task left out": left}
    counts = [count_first(grid.gains, pairs, data) for grid in everything.values()]
    tasks, better = sum(count[0] for count in counts), sum(count[1] for count in counts)
    share = fmean(count[2] for count in counts)
    print(f"first suggestions: better than alone for {better} of {tasks} tasks and methods, share {share:.0%}")
    found = {"tasks": tasks, "first_gains": better, "share": round(share, 3)}
    if options.pairs_2017:
        other = grid_of_2017(Path(options.pairs_2017))
        tasks, better, share = count_first(other, pairs, data)
        print(f"2017: better than alone for {better} of {tasks} tasks, share {share:.0%}, ", end="")
        print(f"rank and gain, Spearman within tasks {rank_correlation(pairs, other):.2f}")
        found |= {"independent_tasks": tasks, "independent_first_gains": better, "independent_share": round(share, 3)}
        if options.write:
            Path(options.write).write_text(json.dumps(found, indent=1) + "\n")
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
