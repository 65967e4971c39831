"""Arrow and parquet files → lists, a batch of rows at a time.

The files are not trusted: they may be damaged or made to do harm.
"""

import re
from collections.abc import Iterable, Iterator, Set
from itertools import pairwise, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagmates.data.formats.decompression import check_claim
from tagmates.data.formats.parquet_footer import BYTE_ARRAY, column_chunks
from tagmates.errors import ConfigError, DataError
from tagmates.failures import first_line, is_out_of_memory
from tagmates.installed import get_extra

BATCH_ROWS = 1_000  # as many as data sets write together
_BUFFER_SIZE = 2**16  # bytes of each column
_REQUESTED_SIZE = re.compile(r"\bof size (\d+) failed")  # in pyarrow's message when it gets no memory

if TYPE_CHECKING:
    from pyarrow import Array, Field, RecordBatch


def read_batches(file: Path, columns: Set[str], optional: Set[str] = frozenset()) -> "Iterator[RecordBatch]":
    """Yield the rows of a file in batches, with these columns only, if the file has all of them.

    Of the ``optional`` columns, those that are there are read too. Raises ConfigError if pyarrow is not installed,
    DataError for a file that is damaged or claims to hold more than it can.
    """
    try:
        import pyarrow  # noqa: F401, PLC0415  (an extra)
    except ImportError:
        raise ConfigError(f'format = "huggingface" needs the package pyarrow: {get_extra("hf")}') from None
    values = 0
    try:
        whole = _arrow_batches(file) if file.suffix != ".parquet" else _parquet_batches(file, columns, optional)
        for each in whole:
            batch = each.select(wanted) if (wanted := _wanted(columns, optional, {*each.schema.names})) else each
            batch.validate(full=True)  # pyarrow trusts the offsets in a file, and would crash on wrong ones
            values += sum(map(_count, batch.columns))
            check_claim(file, values, "values")
            yield from (batch.slice(start, BATCH_ROWS) for start in range(0, batch.num_rows, BATCH_ROWS))
    except DataError:
        raise
    except Exception as error:  # ArrowException, and others that a damaged file causes
        if asked := _REQUESTED_SIZE.search(str(error)):
            check_claim(file, int(asked[1]), "bytes")
        if is_out_of_memory(error):
            raise
        raise DataError(f"{file}: cannot be read as Arrow or parquet ({first_line(error)}); copy it again") from None


def _arrow_batches(file: Path) -> "Iterator[RecordBatch]":
    """The batches of an Arrow stream."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import ipc  # noqa: PLC0415

    with pa.OSFile(str(file)) as stream, ipc.open_stream(stream) as source:
        _check_names(source.schema)
        yield from source


def _wanted(columns: Set[str], optional: Set[str], there: Set[str]) -> list[str]:
    """The columns to read of those that are there; an empty list for all."""
    return sorted(columns | (optional & there)) if columns and columns <= there else []


def _parquet_batches(file: Path, columns: Set[str], optional: Set[str]) -> "Iterator[RecordBatch]":
    """The batches of a parquet file; texts that are stored once are created once."""
    from pyarrow import parquet  # noqa: PLC0415

    chunks = column_chunks(file)
    wanted = _wanted(columns, optional, {chunk.path[0] for chunk in chunks})
    chunks = [chunk for chunk in chunks if not wanted or chunk.path[0] in wanted]
    check_claim(file, sum(abs(chunk.values) for chunk in chunks), "values")
    check_claim(file, sum(abs(chunk.bytes) for chunk in chunks), "bytes")
    texts = {".".join(chunk.path) for chunk in chunks if chunk.type == BYTE_ARRAY}
    # with a buffer, only the pages that are needed are read, not whole columns
    with parquet.ParquetFile(file, read_dictionary=sorted(texts), buffer_size=_BUFFER_SIZE) as source:
        _check_names(source.schema_arrow)
        for group in range(source.num_row_groups):  # pyarrow cannot join texts in lists from two row groups
            # without threads: pyarrow would wait forever for threads that get no memory
            yield from source.iter_batches(BATCH_ROWS, [group], columns=wanted or None, use_threads=False)


def _check_names(fields: "Iterable[Field]") -> None:
    """Raise UnicodeDecodeError for a name that is not text."""
    for field in fields:
        _ = field.name
        _check_names(field.type.field(number) for number in range(field.type.num_fields))


def _count(array: "Array") -> int:
    """The number of values and characters that the array has as Python objects; the file may store them only once."""
    from pyarrow import compute, types  # noqa: PLC0415

    if types.is_dictionary(array.type) and types.is_string(array.type.value_type):
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return len(array) + (compute.sum(lengths).as_py() or 0)
    inner: list[Array] = []
    if types.is_list(array.type) or types.is_large_list(array.type):
        inner = [array.values]
    elif types.is_struct(array.type):
        inner = array.flatten()
    return len(array) + sum(map(_count, inner))


def values_of(array: "Array") -> list[Any]:
    """An array as Python objects, equal texts as one object; types that cannot be tags give their type."""
    from pyarrow import types  # noqa: PLC0415

    kind = array.type
    if types.is_list(kind) or types.is_large_list(kind):
        offsets, present = array.offsets.to_pylist(), array.is_valid().to_pylist()
        values = values_of(array.values[offsets[0] : offsets[-1]])
        bounds = [offset - offsets[0] for offset in offsets]
        return [values[a:b] if there else None for (a, b), there in zip(pairwise(bounds), present, strict=True)]
    if types.is_struct(kind):
        fields = [values_of(field) for field in array.flatten()]
        names = [field.name for field in kind]
        rows = zip(*fields, strict=True) if fields else repeat((), len(array))
        present = array.is_valid().to_pylist()
        return [dict(zip(names, row, strict=True)) if there else None for row, there in zip(rows, present, strict=True)]
    if types.is_dictionary(kind):
        return _chosen(values_of(array.dictionary), array.indices)
    if types.is_string(kind) or types.is_large_string(kind):
        coded = array.dictionary_encode()
        return _chosen(coded.dictionary.to_pylist(), coded.indices)
    if types.is_null(kind) or types.is_integer(kind) or types.is_boolean(kind):
        return list(array.to_pylist())
    return [kind] * len(array)


def _chosen(values: list[Any], indices: "Array") -> list[Any]:
    return [None if index is None else values[index] for index in indices.to_pylist()]
