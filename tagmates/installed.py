"""The installed version of tagmates, and the commands that install its extras (tagmates itself is on no index)."""

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from urllib.parse import unquote, urlsplit

try:
    VERSION = version("tagmates")
except PackageNotFoundError:  # run from a folder that was never installed
    VERSION = "not installed"


def get_extra(extra: str) -> str:
    """The command that installs an extra: from the clone that tagmates was installed from, else package by package."""
    try:
        ours = distribution("tagmates")
    except PackageNotFoundError:  # run from a folder that was never installed
        return f"pip install '.[{extra}]' in a clone of tagmates"
    origin = json.loads(ours.read_text("direct_url.json") or "{}")
    clone = Path(unquote(urlsplit(origin.get("url", "")).path))
    if "dir_info" in origin and (clone / "pyproject.toml").is_file():
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return f"pip install {editable}{shlex.quote(f'{clone}[{extra}]')}"
    mark = f"extra == {extra!r}"
    needed = (line.partition(";") for line in ours.requires or ())
    packages = [name.strip() for name, _, when in needed if when.strip().replace('"', "'") == mark]
    return shlex.join(["pip", "install", *packages]) if packages else f"pip install '.[{extra}]' in a clone of tagmates"
