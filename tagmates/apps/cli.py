"""The command line parses arguments, calls the library and prints: data to stdout, messages to stderr."""

import gc
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from cyclopts import App, CycloptsError, Parameter
from cyclopts.completion.detect import ShellDetectionError
from rich.console import Console

from tagmates import __version__
from tagmates.apps.curves import curves
from tagmates.apps.data import Data
from tagmates.apps.data import app as data_app
from tagmates.apps.export import export
from tagmates.apps.export_metrics import export_metrics
from tagmates.apps.folds import check_folds_folder, folds_table, settings_of_final
from tagmates.apps.mistakes import print_tables, report_mistakes, tag_tables
from tagmates.apps.progress import show_training
from tagmates.apps.rank import rank
from tagmates.apps.shared import (
    Device,
    Encoder,
    Flag,
    Model,
    NoLock,
    Quiet,
    Threads,
    be_quiet,
    end,
    say,
    talk,
    use_threads,
    warn,
    with_encoder,
)
from tagmates.apps.tables import baseline_table, score_table
from tagmates.apps.tag import tag
from tagmates.apps.trackers import TrackerKind
from tagmates.apps.tracking import Track, track_training
from tagmates.apps.tracking import track as begin_tracking
from tagmates.config import Sharing, preset_of
from tagmates.data.checking.layers import layer_remarks
from tagmates.data.task import Task
from tagmates.data.tasks import PRESET_REASONS, choose_tasks, default_preset, load_tasks
from tagmates.errors import ConfigError, OutOfMemoryError, TagmatesError, TrainingError
from tagmates.failures import memory_errors, what_to_do
from tagmates.files import ESCAPED
from tagmates.formatting import listing
from tagmates.installed import get_extra
from tagmates.settings_parsing import override, read_settings, resolve
from tagmates.training.baseline import baseline_scores
from tagmates.training.evaluation import evaluate_folder, predictions
from tagmates.training.folder import check_folder
from tagmates.training.folds import train_final, train_folds
from tagmates.training.loop import Ended, Event
from tagmates.training.train import choose_device, train_events

app = App(
    name="tagmates",
    version=__version__,
    help="Finds out which sequence-tagging tasks learn better together, and trains the taggers that come out of it.",
    result_action="return_value",  # ``main`` flushes stdout, prints errors and exits
    suppress_keyboard_interrupt=False,
)
app.command(data_app)
app.command(export)
app.command(export_metrics)
app.command(tag)
app.command(curves)
app.command(rank)
app.command(  # imported on first use, because its packages are an extra
    "tagmates.apps.study:app",
    name="study",
    help="Find out which tasks learn better together: plan, run and report a study of many runs.",
)
app.command(
    "tagmates.apps.serve:app",
    name="serve",
    help="""Serve a page and a JSON API that tag text with one or several models.

    After Ctrl-C or SIGTERM, the service answers the requests that have arrived and ends; after a second one, it ends at
    once. The API is described in docs/serving.md.

    Example: tagmates serve en runs/a --port 8000""",
)
SERVE_PACKAGES = ("fastapi", "uvicorn", "starlette", "prometheus_client")


@app.command
def train(
    *,
    tasks: Annotated[str | None, Parameter(help="Tasks, separated by commas, or 'all'. [required]")] = None,
    output_dir: Annotated[
        Path | None, Parameter(help="The run folder; it must be empty without --resume or --force. [required]")
    ] = None,
    sharing: Annotated[
        Sharing | None,
        Parameter(
            help="How the tasks share the tagger. stl: a single task; multi_dec (default): a decoder for each task; "
            "te_dec, te_enc: one decoder, with a task embedding or a task token."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        Parameter(
            help="paper: the protocol of the paper, the default for its tasks; practical: for taggers in use, the "
            "default for all other data; pretrained: for training a pretrained encoder along, the default with "
            "--encoder (docs/training.md has the differences)."
        ),
    ] = None,
    data: Data = "starter",
    seed: Annotated[int | None, Parameter(help="The seed of all random numbers. [default: 1]")] = None,
    vectors: Annotated[
        str | None, Parameter(help="Word vectors: glove, random, or a GloVe text file. [default: glove]")
    ] = None,
    encoder: Encoder = None,
    select: Annotated[
        str | None,
        Parameter(help="The task whose dev F1 decides which epoch is best and when to stop. [default: mean of all]"),
    ] = None,
    config: Annotated[
        Path | None,
        Parameter(help="A file of settings (TOML, or a run's config.json) that replace those of the preset."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        Parameter(name="--set", negative="", help="A setting, for example training.batch_size=16; repeatable."),
    ] = None,
    folds: Annotated[
        int | None,
        Parameter(
            help="Cross-validation instead of a dev set: train and dev are put into so many folds, and each is tested "
            "once, in a run of its own. Writes folds.json and, with all predictions, TASK.conll."
        ),
    ] = None,
    final: Annotated[
        Path | None,
        Parameter(
            help="A finished run: train with its settings on train and dev together, for as many updates as it needed."
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    resume: Annotated[bool, Flag(help="Continue from the last finished epoch.")] = False,
    force: Annotated[bool, Flag(help="Overwrite the run in the folder.")] = False,
    no_lock: NoLock = False,
    track: Track = None,
    quiet: Quiet = False,
    print_config: Annotated[bool, Flag(help="Print all settings with their values, and stop.")] = False,
) -> None:
    """Train one tagger on one or several tasks, and write its run folder.

    With little data and no dev set, --folds 5 tells what to expect of the settings, and --final RUN then trains the
    tagger for use on everything.

    After Ctrl-C or a kill, the same command with --resume continues from the last finished epoch (on a CPU with
    --threads 1, to exactly the same numbers). --print-config shows every setting that --set can change.

    Example: tagmates train --tasks upos,chunk,ner --sharing multi_dec --data DIR --output-dir runs/a
    """
    be_quiet(quiet)
    if resume and force:
        raise ConfigError("--resume and --force: choose one; the first continues the run, the second starts it again")
    if output_dir is None and not print_config:
        raise ConfigError("--output-dir: is missing; name a folder for the run (see tagmates train --help)")
    if final is not None:
        if any(option is not None for option in (folds, tasks, sharing, preset, seed, vectors, encoder, config, set_)):
            raise ConfigError(
                "--final: takes data and settings from the run; give only --output-dir and where to train"
            )
        if output_dir is None:
            raise ConfigError("--final: needs --output-dir, the folder of the new run")
        final_settings, data = settings_of_final(final)
        use_threads(threads)
        check_folder(output_dir, resume=resume, force=force)
        events = train_final(final_settings, output_dir, data, device=device, force=force, lock=not no_lock)
        _follow(events, output_dir, track)
        return
    given: dict[str, Any] = {"sharing": sharing, "seed": seed, "vectors": vectors}
    known = load_tasks(data)
    if tasks is not None:
        given["tasks"] = choose_tasks(tasks, known)
    elif config is None and not any(text.startswith("tasks") for text in set_ or []):
        raise ConfigError("--tasks: is missing; name tasks, or 'all' (see tagmates train --help)")
    overrides = [*with_encoder(set_, encoder), *([] if select is None else [f"training.select={json.dumps(select)}"])]
    start, why = _starting_point(preset, config, known, overrides)
    settings = resolve(start, config, overrides, given)
    if print_config or output_dir is None:
        say(why)
        print(json.dumps(settings.model_dump(mode="json"), indent=2))
        return
    use_threads(threads)
    if folds is not None:
        if track is not None:
            raise ConfigError("--track: is not for --folds; afterwards, tagmates export-metrics takes its run folders")
        check_folds_folder(output_dir, folds, resume=resume, force=force)
        events = train_folds(settings, output_dir, data, folds, device=device, force=force, lock=not no_lock)
        _follow_events(_with_message(why, events), output_dir)
        Console().print(folds_table(settings, output_dir, data, folds, device))
        return
    events = train_events(settings, output_dir, data, device=device, resume=resume, force=force, lock=not no_lock)
    _follow(_with_message(why, events), output_dir, track)


def _follow(events: Iterator[Event], output_dir: Path, track: TrackerKind | None = None) -> None:
    """Show a training, and at its end the scores of the run in the folder."""
    _follow_events(events, output_dir, track)
    result = json.loads((output_dir / "result.json").read_text(encoding="utf-8"))
    Console().print(score_table(result))
    say(f"run {result['run_id']}, {result['epochs']} epochs, {result['updates']} updates, in {output_dir}")


def _follow_events(events: Iterator[Event], output_dir: Path, track: TrackerKind | None = None) -> None:
    """Show a training. Raises its error if it failed; ends the program after Ctrl-C."""
    try:
        with memory_errors(), begin_tracking(track) as tracking:
            last = show_training(track_training(events, output_dir, tracking), talk)
    except TrainingError as error:
        raise type(error)(f"{error}: --resume continues from the last finished epoch") from None
    except KeyboardInterrupt:
        how = "the same command with --resume (not --force) continues"
        end(130, f"tagmates: interrupted; finished epochs are saved in {output_dir}: {how}")
    if last is None:
        say(f"{output_dir}: is finished; there is nothing to resume")
    elif isinstance(last, Ended) and last.error is not None:
        raise last.error


def _with_message(text: str, events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events. The message is printed with the first one, so that a refused run prints its error only."""
    for number, event in enumerate(events):
        if number == 0:
            say(text)
        yield event


def _starting_point(
    preset: str | None, config: Path | None, tasks: Mapping[str, Task], overrides: Sequence[str]
) -> tuple[str, str]:
    """The preset to start from, and a message about it."""
    if preset is not None:
        return preset, f"preset {preset}"
    if config is not None and config.suffix == ".json":  # of a run, which has all settings
        return "paper", f"settings of {config}"
    values = {} if config is None else read_settings(config)
    for text in overrides:
        override(values, text)
    model = values.get("model")
    finetune = isinstance(model, dict) and bool(model.get("encoder")) and model.get("finetune") is not False
    found = default_preset(tasks, finetune=finetune)
    if finetune:
        return found, f"preset {found}, as {PRESET_REASONS[found]}"
    if found == "paper":
        return found, "preset paper, as these are tasks of the paper; for taggers in use, choose --preset practical"
    return found, f"preset {found}, as these are not tasks of the paper; for its protocol, choose --preset paper"


@app.command
def evaluate(
    run: Model,
    /,
    *,
    split: Annotated[str, Parameter(help="train, dev (or validation) or test.")] = "test",
    data: Annotated[str | None, Parameter(help="As --data of train; default: the data that it was trained on.")] = None,
    output: Annotated[
        Path | None,
        Parameter(help="Folder for predictions: TASK.conll with the columns token, gold tag and predicted tag."),
    ] = None,
    json_: Annotated[bool, Flag(name="--json", help="Print one JSON object.")] = False,
    baseline: Annotated[
        bool, Flag(help="Also score a baseline: each word gets the tag that it has most often in train.")
    ] = False,
    errors: Annotated[
        Path | None,
        Parameter(
            help="Folder for what is wrong: mistakes.html (kinds of mistakes, confusions, words, sentences) and "
            "confusions.csv. It also prints the scores of every tag and the most frequent confusions."
        ),
    ] = None,
    against: Annotated[
        str | None,
        Parameter(
            help="With --errors: another model, on the same data, whose mistakes are set beside those of this one."
        ),
    ] = None,
    by_tag: Annotated[bool, Flag(help="Also print the scores of every tag.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Score a trained tagger: precision, recall and F1 of every task.

    A signature of each score (on stderr, or in the JSON) says how it was computed. With --errors, a page shows what is
    wrong; docs/errors.md explains it.

    Example: tagmates evaluate runs/a --split test --output predictions

    Example: tagmates evaluate runs/a --split dev --errors mistakes --against runs/b
    """
    if against is not None and errors is None:
        raise ConfigError("--against: goes with --errors FOLDER, which says where the page of both models is written")
    use_threads(threads)
    evaluation = evaluate_folder(run, split=split, data=data, device=choose_device(device))
    preset, others = preset_of(evaluation.training)
    say(f"trained with preset {preset}{f', but {listing(others)}' if others else ''}, as its config.json says")
    if output is not None:
        for path in predictions(evaluation, output):
            say(f"wrote {path}")
    for name, task in evaluation.tasks.items():
        for _, text in layer_remarks(task, evaluation.gold[name]):
            say(f"warning: {text}")
    trivial = baseline_scores(evaluation.tasks, evaluation.names, evaluation.split) if baseline else None
    wrong = {} if errors is None else report_mistakes(evaluation, errors, against, data, choose_device(device))
    if json_:
        values = evaluation.to_json(trivial)
        for name, own in wrong.items():
            values["tasks"][name]["mistakes"] = own.to_json()
        print(json.dumps(values, indent=2, ensure_ascii=False))
        return
    Console().print(baseline_table(evaluation, trivial))
    for name, scores in evaluation.scores.items() if by_tag or wrong else ():
        print_tables(tag_tables(name, scores, wrong.get(name)))
    for text in evaluation.signatures.values():
        say(text)


@app.command(name="--install-completion")
def install_completion(
    *,
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None, Parameter(help="The shell; default: the one that runs this command.")
    ] = None,
    output: Annotated[
        Path | None, Parameter(help="The file to write; default: where the shell looks for completions.")
    ] = None,
) -> None:
    """Let the shell complete commands and options of tagmates, from its next start on.

    Without --output, a line that loads the file is added to the shell's own file (.bashrc, .zshrc).

    Example: tagmates --install-completion --shell bash
    """
    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError:
        raise ConfigError(
            "--install-completion: cannot tell which shell this is; give --shell bash, zsh or fish"
        ) from None
    say(f"wrote {path}; start the shell again")


def main() -> NoReturn:
    """Run the command line. Exit codes: 0 done, 1 data or run error, 2 usage, 3 failed runs, 130 interrupted."""
    if not isinstance(sys.stdout, TextIOWrapper):
        end(1, "tagmates: standard output: is closed; send it to a file, a pipe or /dev/null")
    gc.set_threshold(100_000)  # a large study makes a million lasting objects; searching them takes a tenth of the time
    # UTF-8 whatever the locale, like all input; file names that are not UTF-8 are escaped
    sys.stdout.reconfigure(encoding="utf-8", errors=ESCAPED)
    be_quiet(False)
    logging.getLogger("tagmates").addHandler(_WarningHandler(logging.WARNING))
    try:
        with memory_errors():
            code = app(sys.argv[1:], exit_on_error=False, print_error=False) or 0
        sys.stdout.flush()
    except KeyboardInterrupt:
        end(130, "tagmates: interrupted")
    except BrokenPipeError:
        _discard_output()  # the reader of stdout has gone
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            _discard_output()
        where, what = error.filename or "standard output", error.strerror or error
        end(1, f"tagmates: {where}: {what}; {what_to_do(error)}, or choose another place")
    except UnicodeEncodeError as error:  # a path from a file of settings, in a locale without its characters
        name, there = ascii(error.object)[:200], sys.getfilesystemencoding()
        end(1, f"tagmates: {name}: file names of this locale are in {there}; set PYTHONUTF8=1, or rename the file")
    except CycloptsError as error:
        command = " ".join(["tagmates", *(error.command_chain or ())])
        end(2, f"tagmates: {' '.join(str(error).split())} (see {command} --help)")
    except ImportError as error:
        # of a command that is imported on first use
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        missing = str(cause.name).partition(".")[0]
        extra = "serve" if missing in SERVE_PACKAGES else "study"
        end(2, f"tagmates: needs the package {missing}: {get_extra(extra)}")
    except OutOfMemoryError:
        raise  # __main__ prints it and ends the process
    except TagmatesError as error:
        end(2 if isinstance(error, ConfigError) else 1, f"tagmates: {error}")
    sys.exit(code)


def _discard_output() -> None:
    """Discard the output that is not flushed yet, since flushing it at exit would fail and print another error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _WarningHandler(logging.Handler):
    """Prints the warnings of the library to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        warn(f"tagmates: {record.getMessage()}")


if __name__ == "__main__":
    main()
