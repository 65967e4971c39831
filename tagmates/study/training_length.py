"""Whether two settings were trained equally long; if not, their F1 may differ for that reason (protocol section 3)."""

from tagmates.formatting import listing, plural
from tagmates.study.compare import Cell

UNEQUAL = 1.5  # times the updates of the shorter training, from which on the longer one counts as longer


def is_unequal(cell: Cell) -> bool:
    """Whether one of the cell and its base made at least ``UNEQUAL`` times the updates of the other, on average."""
    if not cell.updates or not cell.base_updates:
        return False
    return max(cell.updates, cell.base_updates) >= UNEQUAL * min(cell.updates, cell.base_updates)


def is_capped(cell: Cell) -> bool:
    """Whether ``max_epochs`` ended a run of the cell or of its base, so that its score might still have risen."""
    return bool(cell.capped or (cell.base is not None and cell.base_capped))


def length_warnings(cell: Cell) -> list[str]:
    """What the length of training may have to do with the difference of the cell from training alone, in sentences."""
    warnings = []
    if is_unequal(cell) and cell.updates and cell.base_updates:
        longer, shorter = max(cell.updates, cell.base_updates), min(cell.updates, cell.base_updates)
        which = "Training together" if cell.updates > cell.base_updates else "Training alone"
        warnings.append(
            f"{which} made {longer / shorter:.1f} times as many updates ({longer:,.0f} against {shorter:,.0f}), "
            "so the length of training may be a part of the difference"
        )
    if is_capped(cell):
        ended = [
            f"{capped} of {plural(n, 'run')} {how}"
            for capped, n, how in ((cell.capped, cell.n, "together"), (cell.base_capped, cell.base_n or 0, "alone"))
            if capped
        ]
        warnings.append(
            f"The cap of epochs ended {listing(ended)}, so these scores might have risen further with more epochs"
        )
    return warnings
