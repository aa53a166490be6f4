"""A hit as one flat row, for CSV and Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from edge.hits.record import StoredHit

Kind = Literal["text", "integer", "number", "flag"]
Value = str | int | float | bool | None

_FIXED: tuple[tuple[str, Kind], ...] = (
    ("id", "text"),
    ("rig", "text"),
    ("epoch", "text"),
    ("seq", "integer"),
    ("origin", "text"),
    ("time_utc", "text"),
    ("time_uncertainty_s", "number"),
    ("window_start_utc", "text"),
    ("window_end_utc", "text"),
    ("clock", "text"),
    ("boot_id", "text"),
    ("time_boot_ns", "integer"),
    ("series", "text"),
    ("frame", "integer"),
    ("frames_lit", "integer"),
    ("x_px", "integer"),
    ("y_px", "integer"),
    ("peak_adu", "integer"),
    ("sum_adu", "number"),
    ("area_px", "integer"),
    ("class", "text"),
    ("anomaly", "number"),
    ("temperature_c", "number"),
)
_CROP: tuple[tuple[str, Kind], ...] = (
    ("x0_px", "integer"),
    ("y0_px", "integer"),
    ("width_px", "integer"),
    ("height_px", "integer"),
    ("bit_depth", "integer"),
    ("black_level_adu", "number"),
    ("dropped", "text"),
)
_POSITION: tuple[tuple[str, Kind], ...] = (
    ("latitude_deg", "number"),
    ("longitude_deg", "number"),
    ("altitude_m", "number"),
    ("accuracy_m", "number"),
    ("provider", "text"),
)
_ORIENTATION: tuple[tuple[str, Kind], ...] = (
    ("zenith_deg", "number"),
    ("azimuth_deg", "number"),
    ("roll_deg", "number"),
)
_PROVENANCE: tuple[tuple[str, Kind], ...] = (
    ("calibration_id", "text"),
    ("model_id", "text"),
    ("config_hash", "text"),
    ("software", "text"),
)
_CLASSES = ("spot", "track", "worm", "artefact")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names and kinds of a table's columns; the same for every row of it.

    Attributes
    ----------
    names : tuple of str
    kinds : tuple of {"text", "integer", "number", "flag"}
    features : tuple of str
        Names of the features, each a column ``feature_<name>``.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    features: tuple[str, ...]

    def row(self, hit: StoredHit) -> dict[str, Value]:
        """One hit as column to value; None where it has none."""
        message = hit.message.model_dump(by_alias=True)
        row: dict[str, Value] = {name: message[name] for name, _ in _FIXED}
        row |= {f"score_{name}": message["scores"][name] for name in _CLASSES}
        votes = message["votes"] or {}
        row |= {f"vote_{name}": votes.get(name) for name in _CLASSES}
        row |= _part("crop_", _CROP, message["crop"])
        row |= _part("", _POSITION, message["position"])
        row |= _part("", _ORIENTATION, message["orientation"])
        row |= _part("", _PROVENANCE, message["provenance"])
        row |= {f"feature_{name}": message["features"].get(name) for name in self.features}
        row["delivered"] = hit.delivered
        return row


def columns_of(hits: Iterable[StoredHit]) -> Columns:
    """Find the columns of a table: the fixed ones and every feature that any hit has."""
    features: dict[str, None] = {}
    for hit in hits:
        features.update(dict.fromkeys(hit.message.features))
    table: list[tuple[str, Kind]] = [*_FIXED]
    table += [(f"score_{name}", "number") for name in _CLASSES]
    table += [(f"vote_{name}", "number") for name in _CLASSES]
    table += [(f"crop_{name}", kind) for name, kind in _CROP]
    table += [*_POSITION, *_ORIENTATION, *_PROVENANCE]
    table += [(f"feature_{name}", "number") for name in features]
    table.append(("delivered", "flag"))
    return Columns(
        names=tuple(name for name, _ in table),
        kinds=tuple(kind for _, kind in table),
        features=tuple(features),
    )


def _part(
    prefix: str, fields: tuple[tuple[str, Kind], ...], part: dict[str, Any] | None
) -> dict[str, Value]:
    values = part or {}
    return {f"{prefix}{name}": values.get(name) for name, _ in fields}
