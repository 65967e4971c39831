"""The paper's Table 1 as printed, compared with the statistics of a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tagmates.settings_parsing import read_toml

SIZES = ("sentences_train", "sentences_all", "token_type_train", "token_type_all")
LABELS = ("labels", "label_entropy")


@dataclass(frozen=True, slots=True)
class Table1Number:
    """A number printed in Table 1, and the same statistic of our data; ``column`` as in ``data.statistics``."""

    column: str
    printed: float
    measured: float

    @property
    def equal(self) -> bool:
        """Whether the two agree in the one decimal that is printed."""
        return round(self.measured, 1) == self.printed


@cache
def printed() -> dict[str, dict[str, float]]:
    """Task -> column -> printed number; the second task of a data set has the sizes of the first."""
    return {
        task: {
            **dict(zip(SIZES, [*sizes["sentences"], *sizes["token_type"]], strict=True)),
            **{column: row[column] for column in LABELS},
        }
        for task, row in _table().items()
        for sizes in [_table()[row.get("sizes_of", task)]]
    }


def compare(row: Mapping[str, Any]) -> tuple[Table1Number, ...]:
    """The numbers that the paper prints for the task of this row: six, or two for the second task of a data set."""
    columns = LABELS if "sizes_of" in _table()[row["task"]] else (*SIZES, *LABELS)
    return tuple(Table1Number(column, printed()[row["task"]][column], row[column]) for column in columns)


@cache
def _table() -> dict[str, Any]:
    return read_toml(Path(__file__).parent / "table1.toml")
