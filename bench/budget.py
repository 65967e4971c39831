"""A study within a budget on real tasks, and its advice beside that of all finished trainings.

    python bench/budget.py --data "$TAGMATES_DATA" [--tasks chunk,mwe,supsense,com,frame,hyp] [--trainings 10]
        [--finished docs/runs/paper.jsonl.xz] [--output-dir runs/budget]

The study has each task alone, all pairs, all tasks and all but one, by MULTI-DEC with one seed, at the settings of the
preset `paper`. Every training that the chooser wants is taken from ``--finished`` where it is there, else trained; a
call goes on where the last one stopped. Then it prints what was trained, in order, and for every task the advice after
these trainings and the best partner among all pairs that are known by now, from both folders.
"""

import shutil
from contextlib import closing
from pathlib import Path

from finished import study_folder
from rounds import arguments

from tagmates.api import Study
from tagmates.study.affinities import study_affinities
from tagmates.study.chooser import Budget, make_chooser
from tagmates.study.driver import Stopped
from tagmates.study.plan import combination_of
from tagmates.study.recommend import describe
from tagmates.study.records import Runs
from tagmates.study.status import current_status

FILES = ("config.json", "counts.npz", "environment.json", "metrics.jsonl", "result.json")


def main() -> None:
    """Choose, copy or train, and print."""
    options = arguments(
        __doc__,
        data="",
        tasks="chunk,mwe,supsense,com,frame,hyp",
        trainings=10,
        finished="docs/runs/paper.jsonl.xz",
        **{"output-dir": "runs/budget"},
    )
    root = Path(options.output_dir)
    root.mkdir(parents=True, exist_ok=True)
    names = ", ".join(f'"{task}"' for task in options.tasks.split(","))
    (root / "budget.toml").write_text(
        f'tasks = [{names}]\npreset = "paper"\nsharing = ["multi_dec"]\nseeds = [1]\n'
        'regimes = ["single", "pair", "all", "all_but_one"]\n'
    )
    study = Study.open(root / "budget.toml", data=options.data, output_dir=root / "study")
    for _ in study.run(time_limit=0):  # writes what the study is
        pass
    affinities = study_affinities(study.store, study.data, study.tasks)
    finished = study_folder(options.finished)
    order = []
    while True:
        now = current_status(study.settings, study.tasks, study.store)
        done = now.found.done
        pending = [planned for planned in now.plan if planned.name not in done]
        planned = make_chooser(affinities, Budget(options.trainings))(pending, [], done)
        if planned is None:
            break
        order.append(planned.name)
        if (finished / "runs" / planned.name / "result.json").exists():
            copy(finished / "runs" / planned.name, study.store.folder(planned.name))
            print(f"{len(done) + 1}: {planned.combination}, from {finished}", flush=True)
            continue
        print(f"{len(done) + 1}: {planned.combination}, trained", flush=True)
        with closing(study.run(budget=Budget(len(done) + 1), workers=1)) as events:
            for event in events:
                if isinstance(event, Stopped) and event.record is not None:
                    print(f"   dev {dict(event.record.dev)}, {event.record.seconds / 60:.0f} min", flush=True)
    _print_advice(study, finished)


def copy(source: Path, target: Path) -> None:
    """Copy the files of a finished run."""
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def _print_advice(study: Study, finished: Path) -> None:
    """For every task: the advice, its expected gain, what the advised combination gained, and the best pair known."""
    done = current_status(study.settings, study.tasks, study.store).found.done
    print(f"{len(done)} of {study.plan().total.planned} trainings")
    other = Study.open(finished)
    known = current_status(other.settings, other.tasks, other.store).runs
    own = Runs(done.values())
    print("task: advice, expected gain (80 % interval), P(best), regret; gains in dev F1 of all pairs that are known")
    for each in study.forecast():
        low, high = each.gain.interval()
        gains = _gains(each.task, study.tasks, own) | _gains(each.task, study.tasks, known)
        shown = ", ".join(f"{helper} {gain:+.2f}" for helper, gain in sorted(gains.items(), key=lambda it: -it[1]))
        print(
            f"{each.task}: {describe(each.best, each.task, study.tasks)}, {each.gain.mean:+.2f} "
            f"({low:+.2f} to {high:+.2f}), {each.probability:.2f}, {each.regret:.2f}; {shown}"
        )


def _gains(task: str, tasks: tuple[str, ...], runs: Runs) -> dict[str, float]:
    """By helper, in dev F1, seed 1 against seed 1."""
    found = {}
    for helper in tasks:
        combinations = [combination_of("multi_dec", some, tasks) for some in ([task], [task, helper])]
        scores = [runs.scores(combination, task, "dev") for combination in combinations]
        if helper != task and all(scores):
            found[helper] = sum(scores[1]) / len(scores[1]) - sum(scores[0]) / len(scores[0])
    return found


if __name__ == "__main__":
    main()
