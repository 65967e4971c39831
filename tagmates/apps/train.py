"""``tagmates train``: train one tagger, or the taggers of a cross-validation, and show how it goes."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tagmates.apps.data import Data
from tagmates.apps.folds import check_folds_folder, folds_table, settings_of_final
from tagmates.apps.progress import show_training
from tagmates.apps.shared import (
    Device,
    Encoder,
    Flag,
    NoLock,
    Quiet,
    Threads,
    Track,
    be_quiet,
    end,
    say,
    screen,
    talk,
    use_threads,
    with_encoder,
)
from tagmates.apps.tables import forgetting_table, score_table
from tagmates.config import RunConfig, Sharing
from tagmates.data.task import Task
from tagmates.data.tasks import PRESET_REASONS, choose_tasks, default_preset, load_tasks
from tagmates.errors import ConfigError, TrainingError
from tagmates.failures import memory_errors
from tagmates.formatting import listing, plural
from tagmates.model.pretrained import find_model, read_config
from tagmates.settings_parsing import override, read_settings, resolve
from tagmates.tracking.trackers import TrackerKind
from tagmates.tracking.tracking_thread import begin_tracking, track_training
from tagmates.training.final import train_final
from tagmates.training.folder import check_folder
from tagmates.training.folds import train_folds
from tagmates.training.forgetting import measure_forgetting
from tagmates.training.loop import Ended, Event
from tagmates.training.start import base_settings, check_base
from tagmates.training.train import train_events


def train(
    *,
    tasks: Annotated[
        str | None, Parameter(help="Tasks, separated by commas, or 'all'. [required without --config or --final]")
    ] = None,
    output_dir: Annotated[
        Path | None,
        Parameter(
            help="The run folder; it must be empty without --resume or --force. [required, but not for --print-config]"
        ),
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
            "default for all other data; pretrained: the default if an encoder is "
            "fine-tuned (docs/training.md and docs/encoders.md have the differences)."
        ),
    ] = None,
    data: Data = "starter",
    seed: Annotated[int | None, Parameter(help="The seed of all random numbers. [default: 1]")] = None,
    vectors: Annotated[
        str | None, Parameter(help="Word vectors: glove, random, or a GloVe text file. [default: glove]")
    ] = None,
    encoder: Encoder = None,
    from_: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="A trained tagger (as for tagmates tag) to go on from: --tasks are added to its tasks, or trained "
            "again if it has them. It keeps its other tasks.",
        ),
    ] = None,
    freeze: Annotated[
        Literal["encoder"] | None,
        Parameter(
            help="With --from: train only the decoders of --tasks. With a decoder for each task (multi_dec), the other "
            "tasks then stay as they are. Not for te_enc."
        ),
    ] = None,
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
            help="A finished run: train with its data and settings, on train and dev together, for as many updates "
            "as it needed."
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

    With --from, a trained tagger learns new tasks, or new tags and data of its own tasks. At the end, the dev F1 of its
    tasks before and after shows what it has forgotten; name old tasks too to train them as well.

    With little data and no dev set, --folds 5 tells what to expect of the settings, and --final RUN then trains the
    tagger for use on everything.

    After Ctrl-C or a kill, the same command with --resume continues from the last finished epoch (on a CPU with
    --threads 1, to exactly the same numbers). --print-config shows every setting that --set can change.

    Example: tagmates train --tasks upos,chunk,ner --sharing multi_dec --data DIR --output-dir runs/a

    Example: tagmates train --from en --tasks mytask --data DIR --freeze encoder --output-dir runs/b
    """
    be_quiet(quiet)
    if resume and force:
        raise ConfigError("--resume and --force: choose one; the first continues the run, the second starts it again")
    if from_ == "":
        raise ConfigError("--from: is empty; name a tagger, or leave it out")
    if freeze is not None and from_ is None and config is None:
        raise ConfigError("--freeze: needs --from, the tagger whose encoder is not to be trained")
    if output_dir is None and not print_config:
        raise ConfigError("--output-dir: is missing; name a folder for the run (see tagmates train --help)")
    if final is not None:
        _check_alone(data, (folds, tasks, sharing, preset, seed, vectors, encoder, from_, freeze, select, config, set_))
        settings, data, why = settings_of_final(final, output_dir)
    else:
        chosen = {"select": select, "freeze": freeze}
        overrides = with_encoder(set_, encoder)
        overrides += [f"training.{key}={json.dumps(value)}" for key, value in chosen.items() if value is not None]
        given = {"sharing": sharing, "seed": seed, "vectors": vectors, "base": from_}
        settings, why = _settings(tasks, preset, config, overrides, given, load_tasks(data))
    if print_config or output_dir is None:
        say(why)
        print(json.dumps(settings.model_dump(mode="json"), indent=2))
        return
    use_threads(threads)
    options: dict[str, Any] = {"device": device, "force": force, "lock": not no_lock}
    if folds is not None:
        if track is not None:
            raise ConfigError("--track: is not for --folds; afterwards, tagmates export-metrics takes its run folders")
        check_folds_folder(output_dir, folds, resume=resume, force=force)
        _follow_events(_with_message(why, train_folds(settings, output_dir, data, folds, **options)), output_dir)
        screen().print(folds_table(settings, output_dir, data, folds, device))
        return
    if final is not None:
        check_folder(output_dir, resume=resume, force=force)
        events = train_final(settings, output_dir, data, **options)
    else:
        events = train_events(settings, output_dir, data, resume=resume, **options)
    _follow(_with_message(why, events), output_dir, track)
    _show_forgetting(output_dir, settings, data, device)


def _settings(
    tasks: str | None,
    preset: str | None,
    config: Path | None,
    overrides: Sequence[str],
    options: Mapping[str, Any],
    known: Mapping[str, Task],
) -> tuple[RunConfig, str]:
    """The settings of a run, and a message on the preset that they start from; ``known`` are the tasks of the data."""
    given = dict(options)
    if tasks is not None:
        given["tasks"] = choose_tasks(tasks, known)
    elif config is None and not any(text.startswith("tasks") for text in overrides):
        raise ConfigError("--tasks: is missing; name tasks, or 'all' (see tagmates train --help)")
    values = _chosen_settings(config, overrides)
    base = base_settings(given["base"] or str(values.get("base", "")), given.get("tasks") or values.get("tasks", ()))
    start, why = _starting_point(preset, config, known, base or values)
    settings = resolve(start, config, overrides, given | {key: base.get(key) for key in ("base", "kept")}, base)
    check_base(settings)
    return settings, why


def _check_alone(data: str, chosen: Sequence[object]) -> None:
    """Raise ConfigError if data (by --data, not by the environment) or other options are given with --final."""
    is_default = data in ("starter", os.environ.get("TAGMATES_DATA"))
    if not is_default or any(option is not None for option in chosen):
        raise ConfigError("--final: takes data and settings from the run; give only --output-dir and where to train")


def _show_forgetting(folder: Path, settings: RunConfig, data: str, device: str) -> None:
    """Print the dev F1 of the tasks of the base, if there is one, before and after training."""
    if not settings.base:
        return
    found = measure_forgetting(folder, data, device)
    if found:
        screen().print(forgetting_table(found))
    unseen = [task for task in read_config(find_model(settings.base)).all_tasks if task not in found]
    if unseen:
        say(
            f"{data}: has no dev set with the tags of {listing(unseen)}, so what the tagger forgets of that is not seen"
        )


def _follow(events: Iterator[Event], output_dir: Path, track: TrackerKind | None = None) -> None:
    """Show a training, and at its end the scores of the run in the folder."""
    _follow_events(events, output_dir, track)
    result = json.loads((output_dir / "result.json").read_text(encoding="utf-8"))
    if "dev" in result or "test" in result:
        screen().print(score_table(result))
    length = f"{plural(result['epochs'], 'epoch')}, {plural(result['updates'], 'update')}"
    say(f"run {result['run_id']}, {length}, in {output_dir}")


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


def _chosen_settings(config: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    """The settings of a file, replaced by those of --set."""
    values = {} if config is None else read_settings(config)
    for text in overrides:
        override(values, text)
    return values


def _starting_point(
    preset: str | None, config: Path | None, tasks: Mapping[str, Task], values: Mapping[str, Any]
) -> tuple[str, str]:
    """The preset to start from, and a message about it; ``values`` are the settings that were given, or of a base."""
    if preset is not None:
        return preset, f"preset {preset}"
    if config is not None and config.suffix == ".json":  # of a run, which has all settings
        return "paper", f"settings of {config}"
    model = values.get("model")
    finetune = isinstance(model, dict) and bool(model.get("encoder")) and model.get("finetune") is not False
    found = default_preset(tasks, finetune=finetune)
    if finetune:
        return found, f"preset {found}, as {PRESET_REASONS[found]}"
    if found == "paper":
        return found, "preset paper, as these are tasks of the paper; for taggers in use, choose --preset practical"
    return found, f"preset {found}, as these are not tasks of the paper; for its protocol, choose --preset paper"
