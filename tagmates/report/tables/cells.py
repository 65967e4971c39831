"""The text of one cell: its mark, entry, note, verdict and numbers."""

from collections.abc import Iterable

from tagmates.formatting import EMPTY, equals, interval_text, listing, plural, points
from tagmates.report.tables.table import Entry, Role, Row, Value
from tagmates.study.compare import Cell
from tagmates.study.settings import METHOD_NAMES, Method, Regime

FEW_RUNS = 3  # of a cell that is not shown in grey; the paper has three
FEW_RUNS_NOTE = " Grey: fewer than three runs."
MARKS = {  # (arrow by the rule, result of the test)
    ("up", "confirms"): "▲",
    ("down", "confirms"): "▼",
    ("up", "doubts"): "△",
    ("down", "doubts"): "▽",
    ("up", "untested"): "↑",
    ("down", "untested"): "↓",
}


def mark(cell: Cell) -> str:
    """The symbol of the difference to the base; empty if neither the rule nor the test finds one."""
    if cell.arrow is None:
        if cell.beyond_chance and cell.difference:
            return "+" if cell.difference > 0 else "−"
        return ""
    if cell.evidence is None:
        return MARKS[cell.arrow, "untested"]
    return MARKS[cell.arrow, "confirms" if cell.beyond_chance else "doubts"]


def score_entry(cell: Cell, seeds: int, *, compared: bool = True) -> Entry:
    """Mean, standard deviation and mark, and the number of runs if it is not ``seeds``.

    If not ``compared``, there is no mark.
    """
    return Entry(
        text=points(cell.mean),
        mark=(mark(cell) if compared else "") + ("†" if cell.capped else ""),
        below=_below(cell, seeds),
        roles=_roles(cell, compared),
        note=story(cell),
    )


def _below(cell: Cell, seeds: int) -> tuple[str, ...]:
    parts = [
        f"n={cell.n}" if cell.n != seeds or cell.n < FEW_RUNS else "",
        f"±{cell.std:.2f}" if cell.std is not None and cell.n > 1 else "",
    ]
    line = " ".join(part for part in parts if part)
    return (line,) if line else ()


def _roles(cell: Cell, compared: bool) -> tuple[Role, ...]:
    roles: list[Role] = []
    if len(cell.combination.tasks) == 1:
        roles.append("own")
    elif cell.arrow is not None and compared:
        roles.append(cell.arrow)
    if cell.fewest < FEW_RUNS:
        roles.append("few")
    return tuple(roles)


def mean_entry(cell: Cell, *below: str) -> Entry:
    """The mean of a cell, with the number of its runs below it where they are few."""
    if cell.n >= FEW_RUNS:
        return Entry(points(cell.mean), below=below, note=story(cell))
    return Entry(points(cell.mean), below=(*below, runs_text([cell])), roles=("few",), note=story(cell))


def runs_text(cells: Iterable[Cell]) -> str:
    """The number of runs of the cells: ``n=2``, or ``n=1–3`` if it differs."""
    counts = [cell.n for cell in cells]
    low, high = min(counts), max(counts)
    return f"n={low}" if low == high else f"n={low}–{high}"


def few_words(rows: Iterable[Row]) -> str:
    """The sentence of a caption about grey entries; empty if there are none."""
    return FEW_RUNS_NOTE if any("few" in entry.roles for row in rows for entry in row.entries) else ""


def story(cell: Cell) -> str:
    """Everything known about the cell, in one paragraph."""
    known = [trained(cell), _score(cell), _against(cell), _test(cell), _training(cell)]
    return ". ".join(part for part in known if part) + "."


def trained(cell: Cell) -> str:
    """The task and its partners, in words."""
    others = [task for task in cell.combination.tasks if task != cell.task]
    if cell.combination.sharing == "stl":
        return f"{cell.task} alone (STL)"
    whom = listing(others) if len(others) <= 4 else f"{len(others)} other tasks"
    return f"{cell.task} trained with {whom}, {METHOD_NAMES[cell.combination.sharing]}"


def _score(cell: Cell) -> str:
    spread = "" if cell.std is None else f" ± {cell.std:.2f}"
    dev = "" if cell.dev is None else f", dev {cell.dev:.2f}"
    return f"Test F1 {cell.mean:.2f}{spread} over {plural(cell.n, 'run')}{dev}"


def _against(cell: Cell) -> str:
    if cell.base is None:
        return ""
    rule = {"up": "higher by the rule", "down": "lower by the rule", None: "no arrow"}[cell.arrow]
    return f"{points(cell.difference, signed=True)} against {cell.base:.2f}: {rule}"


def _test(cell: Cell) -> str:
    if cell.selected:
        return f"Selected {cell.selected}, so the difference is not tested"
    evidence = cell.evidence
    if evidence is None:
        is_missed = cell.base is not None and cell.has_too_few_runs
        return "Not tested: one side has a single run" if is_missed else ""
    interval = f"95 % interval {interval_text(evidence.low, evidence.high)}"
    return f"{interval}, {equals('p', evidence.p)}, {equals('q', evidence.q)}, {equals('Holm p', evidence.holm)}"


def _training(cell: Cell) -> str:
    capped = f"{cell.capped} of {plural(cell.n, 'run')} reached the maximum number of epochs" if cell.capped else ""
    updates = "" if cell.updates is None else f"{cell.updates:,.0f} updates on average"
    if updates and cell.base_updates is not None:
        updates += f" against {cell.base_updates:,.0f}"
    parameters = "" if cell.parameters is None else f"{cell.parameters:,} parameters"
    text = ", ".join(part for part in (updates, capped, parameters) if part)
    return text[:1].upper() + text[1:]


def verdict(cell: Cell) -> str:
    """Whether the combination helps or harms by the test, in a few words."""
    if cell.selected:
        return f"selected {cell.selected}"
    if cell.evidence is None or cell.difference is None:
        return "not tested: a single run" if cell.has_too_few_runs else "not tested"
    if not cell.beyond_chance:
        return "not shown"
    return "helps" if cell.difference > 0 else "harms"


def numbers(method: Method, regime: Regime, row: str, cell: Cell) -> dict[str, Value]:
    """The cell as a row of a CSV file, in full precision; ``row`` is its partner or the task left out."""
    return {
        "method": method,
        "regime": regime,
        "row": row,
        "task": cell.task,
        "trained": "+".join(cell.combination.tasks),
        "mean": cell.mean,
        "std": cell.std,
        "n": cell.n,
        "dev": cell.dev,
        "base": cell.base,
        "difference": cell.difference,
        "arrow": cell.arrow,
        **{name: getattr(cell.evidence, name, None) for name in ("low", "high", "error", "df", "p", "q", "holm")},
        "verdict": verdict(cell) if cell.base is not None else None,
        "selected": cell.selected,
        "updates": cell.updates,
        "base_updates": cell.base_updates,
        "capped": cell.capped,
        "base_capped": cell.base_capped,
        "parameters": cell.parameters,
    }


def difference_text(cell: Cell | None) -> str:
    """The difference to the base with its mark: ``+0.51 ▲``."""
    if cell is None or cell.difference is None:
        return EMPTY
    return f"{points(cell.difference, signed=True)} {mark(cell)}".strip()
