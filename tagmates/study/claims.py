"""Claims on runs, so that processes that share a budget never start more runs together than it allows.

Such processes choose one after the other: a process waits for its turn, looks at what is done or claimed, and claims
what it chooses. It holds the claim until the run has ended, also while a worker still prepares the run and has not
locked its folder. Turn and claims are locks of files, so those of a killed process end with it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tagmates.errors import BusyError, NoLocksError
from tagmates.files import write_error
from tagmates.locks import take_lock
from tagmates.training.folder import NO_LOCKS_ADVICE

FOLDER, TURN = "claims", ".turn"


@dataclass(slots=True)
class Claims:
    """The claims of this process in a study's folder; leaving the context gives them up. Without ``lock`` none."""

    root: Path
    lock: bool
    held: dict[str, AbstractContextManager[Any]] = field(default_factory=dict)  # by run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.held):
            self.held.pop(name).__exit__(None, None, None)

    def turn(self) -> AbstractContextManager[object]:
        """The turn, when no other process has it any more; runs are looked at and claimed in it.

        Raises NoLocksError if the file system has no locks, and DiskError if the folder cannot be written.
        """
        return self._turn() if self.lock else nullcontext()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with suppress(OSError):  # taking the lock says why
            (self.root / FOLDER).mkdir(parents=True, exist_ok=True)
        with _lock(self._file(TURN)):
            yield

    def claim(self, name: str) -> None:
        """Claim a run, in the turn."""
        if self.lock:
            self.held[name] = _lock(self._file(name))

    def give_up(self, name: str) -> None:
        """Give up the claim on a run that has ended."""
        if name in self.held:
            with self.turn():
                self.held.pop(name).__exit__(None, None, None)
                self._file(name).unlink(missing_ok=True)  # nobody else waits for it, because that needs the turn

    def is_claimed(self, name: str) -> bool:
        """Whether another process has claimed the run; to be asked in the turn."""
        if not self.lock or not self._file(name).exists():
            return False
        try:
            with suppress(OSError, NoLocksError), take_lock(self._file(name), busy=BusyError(f"{name} is claimed")):
                pass
        except BusyError:
            return True
        return False  # of a process that was killed, or of another user, whose file cannot be locked

    def _file(self, name: str) -> Path:
        return self.root / FOLDER / name


def _lock(path: Path) -> AbstractContextManager[Any]:
    try:
        return take_lock(path, advice=NO_LOCKS_ADVICE)
    except OSError as error:
        raise write_error(path, error) from None
