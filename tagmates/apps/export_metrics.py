"""The command ``export-metrics``, which gives run folders to an experiment tracker afterwards."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tagmates.apps.shared import say
from tagmates.errors import ConfigError, ModelError, TagmatesError
from tagmates.failures import on_one_line
from tagmates.formatting import plural
from tagmates.study.run_files import run_folders
from tagmates.tracking.follower import Follower
from tagmates.tracking.trackers import TrackerKind, begin_with


def export_metrics(
    *runs: Annotated[Path, Parameter(help="Run folders, or folders of studies, for all their runs.")],
    tensorboard: Annotated[
        Path | None, Parameter(help="Write event files of TensorBoard into PATH/STUDY/RUN.", show_default=False)
    ] = None,
    to: Annotated[
        TrackerKind | None, Parameter(help="Give them to this tracker; tensorboard: files in each run folder.")
    ] = None,
) -> None:
    """Give the epochs and final scores of runs to an experiment tracker, if it is installed.

    The numbers are those that --track of train and study run gives while a run is trained. What the tracker already
    has is not sent again.

    Example: tagmates export-metrics runs/paper --tensorboard events
    """
    if (tensorboard is None) == (to is None):
        raise ConfigError("--tensorboard or --to: give one of them (see tagmates export-metrics --help)")
    if not runs:
        raise ConfigError("RUNS: give run folders or a study's folder")
    folders = [folder for given in runs for folder in run_folders(given)]
    kind = to or "tensorboard"
    follower = Follower(begin_with(kind), tensorboard)
    exported = 0
    try:
        for folder in folders:
            exported += follower.end(folder)
    except TagmatesError:
        raise
    except Exception as error:  # of the tracker, whatever it is
        raise ModelError(f"{kind}: failed at {folder} ({on_one_line(error)})") from None
    say(f"{kind}: {plural(exported, 'run')} exported")
    if exported < len(folders):
        say(f"{plural(len(folders) - exported, 'run')} left out, as no epoch is finished")
