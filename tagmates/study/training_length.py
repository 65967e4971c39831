"""The length of training of two combinations; their F1 may differ because it differs (protocol section 3)."""

from tagmates.formatting import listing, plural
from tagmates.study.compare import Cell

UNEQUAL_RATIO = 1.5  # ratio of updates from which lengths count as unequal


def is_unequal(cell: Cell) -> bool:
    """Whether the mean updates of the cell and of its base differ at least by the factor ``UNEQUAL_RATIO``."""
    if not cell.updates or not cell.base_updates:
        return False
    return max(cell.updates, cell.base_updates) >= UNEQUAL_RATIO * min(cell.updates, cell.base_updates)


def is_capped(cell: Cell) -> bool:
    """Whether a run of the cell or of its base reached ``max_epochs``, so that its score might have risen further."""
    return bool(cell.capped or (cell.base is not None and cell.base_capped))


def length_warnings(cell: Cell) -> list[str]:
    """Sentences on the influence of the training length on the difference between the cell and its base."""
    warnings = []
    if is_unequal(cell) and cell.updates and cell.base_updates:
        longer, shorter = max(cell.updates, cell.base_updates), min(cell.updates, cell.base_updates)
        which = "Training together" if cell.updates > cell.base_updates else "Training alone"
        warnings.append(
            f"{which} made {longer / shorter:.1f} times as many updates ({longer:,.0f} against {shorter:,.0f}), "
            "so part of the difference may come from the length of training"
        )
    if is_capped(cell):
        ended = [
            f"{capped} of {plural(n, 'run')} {how}"
            for capped, n, how in ((cell.capped, cell.n, "together"), (cell.base_capped, cell.base_n or 0, "alone"))
            if capped
        ]
        warnings.append(
            f"{listing(ended)} reached the maximum number of epochs, so these scores might have risen with more epochs"
        )
    return warnings
