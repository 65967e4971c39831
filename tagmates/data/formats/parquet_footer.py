"""What a parquet file says of its columns, read without pyarrow.

pyarrow makes whatever the columns claim to hold, and when asked what they claim it ends the whole program over some
damaged files. The footer is a struct of Thrift's compact protocol, of which a few fields count here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARQUET_SIGNATURE = b"PAR1"
BYTE_ARRAY = 6  # the physical type of byte arrays

# numbers of fields in parquet.thrift
_ROW_GROUPS, _COLUMNS, _META_DATA = 4, 1, 3
_TYPE, _PATH, _VALUES, _BYTES = 1, 3, 5, 6


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """A part of a column: its path in the schema, its physical type, its values, its bytes once decompressed."""

    path: tuple[str, ...]
    type: int
    values: int
    bytes: int


def column_chunks(file: Path) -> list[ColumnChunk]:
    """All parts of all columns; OSError, or ValueError and the like for what is no parquet file or a damaged one."""
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
    """Bytes of the compact protocol, read from first to last; IndexError where they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self) -> dict[int, Any]:
        """The fields by their numbers."""
        fields: dict[int, Any] = {}
        number = 0
        while header := self._take(1)[0]:
            number = number + (header >> 4) if header >> 4 else self._zigzag()
            kind = header & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind)  # a bool is its own type
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
