"""What a rig or a replay has found, read back: for lists, pictures and exports."""

from edge.hits.export import Export, export_hits
from edge.hits.query import Query, parse_since
from edge.hits.reader import HitReader, open_hits
from edge.hits.record import StoredHit

__all__ = [
    "Export",
    "HitReader",
    "Query",
    "StoredHit",
    "export_hits",
    "open_hits",
    "parse_since",
]
