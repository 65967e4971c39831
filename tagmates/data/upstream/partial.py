"""An incomplete download: the bytes that have arrived, and the version of the file that they belong to."""

import os
import re
from email.message import Message
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')  # a weak ETag, W/"…", does not guarantee the same bytes
DATE = re.compile(r"[A-Za-z0-9,: +-]{1,50}")


class Origin(BaseModel):
    """A version of a file on a server: its address, an identifier of the version, and its size if it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str
    validator: str  # its ETag or date of modification; "" if the server gives none
    total: int | None

    @classmethod
    def of(cls, url: str, headers: Message, total: int | None) -> "Origin":
        """The version that the headers of a response describe."""
        etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        validator = etag if STRONG_ETAG.fullmatch(etag) else modified if DATE.fullmatch(modified) else ""
        return cls(url=url, validator=validator, total=total)

    def is_continued_by(self, other: "Origin") -> bool:
        """Whether ``other`` may be the same version. A server may leave out headers that it sent before."""
        totals = {self.total, other.total} - {None}
        validators = {self.validator, other.validator} - {""}
        return len(totals) <= 1 and len(validators) <= 1


class Partial:
    """``NAME.part``, with the first bytes of a file, and ``NAME.part.json``, with their origin.

    After a kill, either both belong to the same version, or the bytes are not used. Methods raise OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.with_name(f"{path.name}.part")
        self.note = path.with_name(f"{path.name}.part.json")

    @property
    def size(self) -> int:
        """The number of bytes that have arrived."""
        return self.file.stat().st_size if self.file.exists() else 0

    def origin(self, url: str, *, verified: bool) -> Origin | None:
        """The origin of the bytes that have arrived; None if the download cannot be resumed (the bytes are removed).

        A download that will be ``verified`` can be resumed even if the server identifies no version.
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
        """Start a download of this version from its first byte."""
        self.discard()
        self.note.write_text(origin.model_dump_json(), encoding="utf-8")
        self.file.touch()

    def discard(self) -> None:
        """Remove both files; the bytes first, so that they are never beside the note of another version."""
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self) -> None:
        """Move the complete file to its place."""
        with self.file.open("ab") as file:
            os.fsync(file.fileno())
        self.file.replace(self.path)
        self.note.unlink(missing_ok=True)
