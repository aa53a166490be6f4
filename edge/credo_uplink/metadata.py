"""The free part of a detection or a ping: a JSON object in a string, of a bounded length."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge.credo_uplink.limits import METADATA_CHARS


def compact(value: Any) -> str:
    """JSON in ASCII, without spaces: what the server counts as characters are then bytes too."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def metadata(core: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """Write what is known, None left out.

    Parameters
    ----------
    core : Mapping
        Always written.
    more : Mapping
        The last are left out first where the whole would be too long.
    """
    known = {name: value for name, value in core.items() if value is not None}
    extra = {name: value for name, value in more.items() if value not in (None, {}, [])}
    while True:
        text = compact(known | extra)
        if len(text) <= METADATA_CHARS or not extra:
            return text
        extra.popitem()
