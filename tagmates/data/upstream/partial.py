"""A download that is not whole yet: what has come of it, and of which version of the file that is."""

import os
import re
from email.message import Message
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

STRONG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')  # a weak one, W/"…", does not promise the same bytes
DATE = re.compile(r"[A-Za-z0-9,: +-]{1,50}")


class Origin(BaseModel):
    """A version of a file on a server: the address, what tells this version from others, its bytes if said."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str
    validator: str  # its ETag or date of change; empty where the server gives none
    total: int | None

    @classmethod
    def of(cls, url: str, headers: Message, total: int | None) -> "Origin":
        """The version that a response's headers tell of."""
        etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        validator = etag if STRONG.fullmatch(etag) else modified if DATE.fullmatch(modified) else ""
        return cls(url=url, validator=validator, total=total)

    def is_continued_by(self, other: "Origin") -> bool:
        """Whether nothing says that the other is another version; a server may leave out what it has said before."""
        totals = {self.total, other.total} - {None}
        validators = {self.validator, other.validator} - {""}
        return len(totals) <= 1 and len(validators) <= 1


class Partial:
    """``NAME.part``, which holds the first bytes of a file, and ``NAME.part.json``, which says where they came from.

    A kill at any moment leaves either both of one version, or bytes that are not gone on with. Methods raise OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.with_name(f"{path.name}.part")
        self.note = path.with_name(f"{path.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.file.stat().st_size if self.file.exists() else 0

    def origin(self, url: str, *, verified: bool) -> Origin | None:
        """What the bytes that are there are the beginning of; None, and they are removed, if one cannot go on with it.

        A file that is ``verified`` when it is whole may be gone on with though the server names no version.
        """
        try:
            origin = Origin.model_validate_json(self.note.read_bytes())
        except (FileNotFoundError, ValidationError):
            origin = None
        if (
            origin is not None
            and origin.url == url
            and (origin.validator or verified)
            and 0 < self.size <= (self.size if origin.total is None else origin.total)
        ):
            return origin
        self.discard()
        return None

    def begin(self, origin: Origin) -> None:
        """Start anew with the first byte of this version."""
        self.discard()
        self.note.write_text(origin.model_dump_json(), encoding="utf-8")
        self.file.touch()

    def discard(self) -> None:
        """Remove all that is there: the bytes first, so that they never lie beside the note of another version."""
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Put the bytes, which are whole, in their place."""
        with self.file.open("ab") as file:
            os.fsync(file.fileno())
        self.file.replace(self.path)
        self.note.unlink(missing_ok=True)
