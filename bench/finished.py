"""Finished runs for a bench: a study's folder, or a table of runs (docs/runs) laid out as one."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tagmates.study.run_table import lay_out_runs


@cache
def study_folder(path: str) -> Path:
    """The folder itself, or a temporary one with the runs of a table, which is removed at the end."""
    if Path(path).is_dir():
        return Path(path)
    place = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = Path(place) / Path(path).name.partition(".")[0]
    lay_out_runs(Path(path), folder)
    return folder
