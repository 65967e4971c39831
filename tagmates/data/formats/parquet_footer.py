"""The sizes that a parquet file claims for its columns, read from its footer without pyarrow.

pyarrow allocates whatever the columns claim to hold, and when asked for these sizes it crashes on some damaged files.
The footer is a struct in Thrift's compact protocol, of which only a few fields are read here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARQUET_SIGNATURE = b"PAR1"
BYTE_ARRAY = 6  # the physical type of byte arrays

# field numbers in parquet.thrift
_ROW_GROUPS, _COLUMNS, _META_DATA = 4, 1, 3
_TYPE, _PATH, _VALUES, _BYTES = 1, 3, 5, 6


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """A chunk of a column: its path in the schema, physical type, number of values, and decompressed size in bytes."""

    path: tuple[str, ...]
    type: int
    values: int
    bytes: int


def column_chunks(file: Path) -> list[ColumnChunk]:
    """The chunks of all columns. Raises OSError; ValueError and others for a damaged file or another format."""
    with file.open("rb") as source:
        end = source.seek(0, 2)
        source.seek(max(end - 8, 0))
        size, magic = int.from_bytes(source.read(4), "little"), source.read(4)
        if magic != PARQUET_SIGNATURE or size > end - 8:
            raise ValueError("it does not end as a parquet file")
        source.seek(end - 8 - size)
        footer = _Thrift(source.read(size)).struct()
    columns = (column[_META_DATA] for group in footer[_ROW_GROUPS] for column in group[_COLUMNS])
    return [
        ColumnChunk(tuple(part.decode() for part in column[_PATH]), column[_TYPE], column[_VALUES], column[_BYTES])
        for column in columns
    ]


class _Thrift:
    """A reader of the compact protocol, from first to last byte. Raises IndexError if the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self) -> dict[int, Any]:
        """The fields of a struct, by number."""
        fields: dict[int, Any] = {}
        number = 0
        while header := self._take(1)[0]:
            number = number + (header >> 4) if header >> 4 else self._zigzag()
            kind = header & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind)  # the type of a bool is also its value
        return fields

    def _value(self, kind: int) -> Any:
        match kind:
            case 1 | 2 | 3:
                return self._take(1)[0]
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                return self._take(8)
            case 8:
                return self._take(self._varint())
            case 9 | 10:
                header = self._take(1)[0]
                size = header >> 4 if header < 0xF0 else self._varint()
                return [self._value(header & 15) for _ in range(size)]
            case 12:
                return self.struct()
        raise ValueError(f"its footer has a value of type {kind}")

    def _take(self, size: int) -> bytes:
        self.at += size
        if self.at > len(self.data):
            raise IndexError("its footer ends too early")
        return self.data[self.at - size : self.at]

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise ValueError("its footer has a number without end")

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)
