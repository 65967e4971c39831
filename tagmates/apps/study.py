"""The commands ``study ...``. Here are ``pack``, and ``adopt`` for the records of earlier versions of tagmates."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tagmates.api import Study
from tagmates.apps.shared import Encoder, Flag, say, with_encoder
from tagmates.apps.study_options import Data, Folder, Set, Where, say_notes
from tagmates.apps.study_run import run
from tagmates.apps.study_show import plan, recommend, report, status
from tagmates.apps.study_slurm import slurm
from tagmates.apps.suggest import suggest_for_study
from tagmates.config import is_encoder_name
from tagmates.data.archive import archive_at
from tagmates.errors import ConfigError
from tagmates.formatting import plural
from tagmates.study.adoption import adopt as adopt_runs
from tagmates.study.adoption import adoption_notes
from tagmates.study.export import pack_study
from tagmates.study.run_table import collect_runs, lay_out_runs

app = App(name="study")  # its help text is in ``cli``
app.command(suggest_for_study, name="suggest")
for command in (plan, run, slurm, status, report, recommend):
    app.command(command)


@app.command
def pack(
    where: Where = None,
    /,
    *,
    output: Annotated[Path, Parameter(help="The file to write.")],
    data: Data = None,
    encoder: Encoder = None,
    set_: Set = None,
    force: Annotated[bool, Flag(help="Overwrite the packed study that has this name.")] = False,
) -> None:
    """Write all that the runs of a study need into one file: its settings, sentences, tags and word vectors.

    On another machine: tagmates study run --packed FILE. The file contains the text of the corpora, so their licences
    apply to it.

    Example: tagmates study pack studies/paper.toml --data DIR --output paper.pack
    """
    if output.exists() and not force:
        raise ConfigError(f"--output {output}: exists; overwrite it with --force, or choose another")
    if output.exists() and archive_at(str(output)) is None:
        raise ConfigError(f"--output {output}: is not a packed study, so it is not overwritten; choose another")
    if not output.parent.is_dir():
        raise ConfigError(f"--output {output}: there is no folder {output.parent}; make it, or choose another")
    study = Study.open(where, data=data, overrides=with_encoder(set_, encoder))
    say_notes(study.notes)
    study.require_data()
    header = pack_study(study, output)
    size = f"{output.stat().st_size / 2**20:.1f} MiB"
    start = f"{'without the' if is_encoder_name(header.vectors) else 'vectors'} {header.vectors}"
    say(f"packed {plural(len(header.tasks), 'task')} of study {study.name}, {start}: {size}")
    print(output)


@app.command
def adopt(where: Where = None, /, *, data: Data = None, output_dir: Folder = None) -> int:
    """Complete the records of finished runs that were trained before version 0.1.0, so that they count.

    Such records do not name the data of the run. This command adds them if the run was trained and scored on --data:
    then its id and its counts agree with these data. No score changes. Runs that do not agree are named and left
    unchanged, and the exit code is 1.

    Example: tagmates study adopt runs/paper --data DIR
    """
    study = Study.open(where, data=data, output_dir=output_dir)
    say_notes(study.notes)
    if not study.data:
        raise ConfigError("--data: is missing; give the data that the study was trained on")
    study.store.description()  # raises ModelError if there is no study
    outcome = adopt_runs(study.store, study.data, study.tasks)
    say_notes(adoption_notes(outcome))
    return 1 if outcome.refused else 0


@app.command
def collect(
    where: Where = None,
    /,
    *,
    table: Annotated[Path, Parameter(help="The file to write or to add to, for example docs/runs/own.jsonl.xz.")],
    output_dir: Folder = None,
) -> None:
    """Add the finished runs of a study to one compressed file: settings, scores, epochs, counts of each sentence.

    The file is small, and contains no text, no tagger and no path, so it can be kept in a repository. `study lay-out`
    makes a study's folder from it again.

    Example: tagmates study collect runs/own --table docs/runs/own.jsonl.xz
    """
    study = Study.open(where, output_dir=output_dir)
    say_notes(study.notes)
    study.store.description()  # raises ModelError if there is no study
    done = collect_runs(study.store, table)
    say(f"{table}: {plural(len(done.added), 'run')} added, {len(done.kept)} were there")


@app.command
def lay_out(
    table: Annotated[Path, Parameter(help="A file that `study collect` wrote.")],
    /,
    *,
    output_dir: Annotated[Path, Parameter(help="The study's folder to write; what it already has stays.")],
) -> None:
    """Make a study's folder from a file of `study collect`; report, recommend and study run then work on it.

    Example: tagmates study lay-out docs/runs/paper.jsonl.xz --output-dir runs/paper
    """
    done = lay_out_runs(table, output_dir)
    say(f"{output_dir}: {plural(len(done.added), 'run')} laid out, {len(done.kept)} were there")
