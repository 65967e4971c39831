"""The problems of the data of tasks, and their lines on a terminal."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tagmates.data.corpora import paths_of
from tagmates.data.task import Task
from tagmates.formatting import visible

Level = Literal["error", "warning"]
Kind = Literal[
    "missing",
    "unreadable",
    "encoding",
    "line",
    "empty",
    "scheme",
    "plain-spans",
    "outside",
    "placeholder",
    "no-label",
    "irregular",
    "stand-off",
    "overlap",
    "unseen-tag",
    "similar-tag",
    "conflict",
    "in-train",
    "in-dev",
    "leak",
    "duplicate",
    "small-split",
    "large-split",
    "one-tag",
    "odd-words",
    "odd-tags",
    "tag-shift",
    "long-sentence",
    "long-token",
    "white-space",
    "invisible",
    "lost-character",
    "normalization",
]
"""Stable names of kinds, for filtering; docs/data.md explains each."""

MAX_LISTED_PROBLEMS = 3  # problems of a group that are printed one by one
MAX_LISTED_LINES = 5  # of a larger group, whose other line numbers are left out
_LINE = re.compile(r"([^:]*):(\d+): ")  # the rest of the path if the split is a folder, and the line
_INSIDE = re.compile(r"(/[^:]+): ")  # the path of a file in the folder, in a message without a line


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a file. An error stops training or makes its scores useless; a warning should be looked at.

    ``line`` counts from 1.
    """

    level: Level
    kind: Kind
    file: str
    line: int | None
    task: str
    split: str
    message: str

    @classmethod
    def of(cls, level: Level, kind: Kind, task: Task, split: str, text: str) -> "Problem":
        """A problem from ``FILE:LINE: message`` or ``FILE: message``, where FILE is the split or a file in it."""
        files = list(map(str, paths_of(task, split)))
        file = max((each for each in files if text.startswith(each)), key=len, default=files[0])
        # pathlib leaves "./" out of the paths in a folder called "."
        rest = f"/{text}" if file == "." and not text.startswith(".") else text.removeprefix(file)
        if found := _LINE.match(rest):
            return cls(level, kind, file + found[1], int(found[2]), task.name, split, rest[found.end() :])
        if inside := _INSIDE.match(rest):
            return cls(level, kind, file + inside[1], None, task.name, split, rest[inside.end() :])
        return cls(level, kind, file, None, task.name, split, rest.removeprefix(": "))

    @property
    def text(self) -> str:
        """The problem as ``FILE:LINE: message``, on one line whatever the name of the file is."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{visible(place)}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """The problem as a JSON object."""
        return asdict(self)


def unique_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, errors first. A file that serves several tasks or splits has the same problems in each."""
    different: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        different.setdefault((problem.level, problem.kind, problem.file, problem.line, problem.message), problem)
    return sorted(different.values(), key=lambda problem: problem.level)  # "error" < "warning"


def problem_lines(problems: Iterable[Problem], *, each: bool = False) -> Iterator[str]:
    """Yield a line for each problem, grouped by kind, file, task and split.

    Unless ``each`` is True, only the first problem of a large group is named, with the number of all.
    """
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        key = (problem.level, problem.kind, problem.file, problem.task, problem.split)
        groups.setdefault(key, []).append(problem)
    for group in groups.values():
        alone = group if each or len(group) <= MAX_LISTED_PROBLEMS else ()
        yield from (f"{problem.level}: {problem.text} [{problem.kind}]" for problem in alone)
        if not alone:
            yield f"{group[0].level}: {group[0].text} ({_others(group)}) [{group[0].kind}]"


def _others(group: Sequence[Problem]) -> str:
    lines = [str(line) for line in dict.fromkeys(problem.line for problem in group) if line is not None]
    named = (
        f"; lines {', '.join(lines[:MAX_LISTED_LINES])}{', …' if len(lines) > MAX_LISTED_LINES else ''}"
        if len(lines) > 1
        else ""
    )
    return f"{len(group):,} of this kind{named}"
