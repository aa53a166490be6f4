"""Exports as tables: CSV for everybody, Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from edge.errors import Failed
from edge.hits.columns import Columns, Kind, columns_of
from edge.hits.record import StoredHit
from edge.messages import parse_utc_ns

Pass = Callable[[], Iterable[StoredHit]]
"""Reads the same hits anew: the first pass finds the columns, the second writes."""

_ROWS_AT_ONCE = 1000
_TIMES = ("time_utc", "window_start_utc", "window_end_utc")


def write_csv(hits: Pass, path: Path) -> int:
    """Write one line for each hit, with a header; returns how many.

    Crops are left out; an absent value is an empty cell, times are RFC 3339.
    """
    columns = columns_of(hits())
    written = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns.names, lineterminator="\n")
        writer.writeheader()
        for hit in hits():
            writer.writerow(columns.row(hit))
            written += 1
    return written


def write_parquet(hits: Pass, path: Path) -> int:
    """Write one row for each hit, with typed columns and the crop's PNG; returns how many.

    Times are timestamps in UTC with nanoseconds.

    Raises
    ------
    edge.errors.Failed
        Where pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    columns = columns_of(hits())
    schema = _schema(arrow, columns)
    written = 0
    with parquet.ParquetWriter(str(path), schema, compression="zstd") as writer:
        for batch in _batches(hits()):
            rows = [_parquet_row(columns, hit) for hit in batch]
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            written += len(rows)
    return written


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise Failed(
            "an export to Parquet needs pyarrow: pip install 'cosmic-edge[parquet]', "
            "or use --format csv"
        ) from None
    return arrow, parquet


def _schema(arrow: Any, columns: Columns) -> Any:
    types: dict[Kind, Any] = {
        "text": arrow.string(),
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "flag": arrow.bool_(),
    }
    fields = [
        arrow.field(name, arrow.timestamp("ns", "UTC") if name in _TIMES else types[kind])
        for name, kind in zip(columns.names, columns.kinds, strict=True)
    ]
    return arrow.schema([*fields, arrow.field("crop_png", arrow.binary())])


def _parquet_row(columns: Columns, hit: StoredHit) -> dict[str, Any]:
    row: dict[str, Any] = dict(columns.row(hit))
    row |= {name: parse_utc_ns(row[name]) for name in _TIMES}
    row["crop_png"] = None if hit.message.crop.data is None else hit.png()
    return row


def _batches(hits: Iterable[StoredHit]) -> Iterator[list[StoredHit]]:
    iterator = iter(hits)
    while batch := list(islice(iterator, _ROWS_AT_ONCE)):
        yield batch
