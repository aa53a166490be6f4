"""The five fields by which CREDO knows a device."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import asdict, dataclass

from edge.credo_uplink.limits import DEVICE_CHARS, clean


@dataclass(frozen=True, slots=True)
class Device:
    """The five fields of every request.

    CREDO makes a new device where any of the first four changes.

    Attributes
    ----------
    device_id, device_type, device_model, system_version, app_version : str
    """

    device_id: str
    device_type: str = "cosmic-edge"
    device_model: str = "unknown"
    system_version: str = "unknown"
    app_version: str = "unknown"

    def fields(self) -> dict[str, str]:
        """Ready for JSON, in CREDO's order; each has 1 to 50 characters."""
        return {
            name: clean(str(value), DEVICE_CHARS, "unknown") for name, value in asdict(self).items()
        }


def device_of(rig: str, software: str, model: str | None = None) -> Device:
    """Describe a rig; the system is this computer's.

    Parameters
    ----------
    rig : str
        Its name.
    software : str
        Name and version of what found the hits.
    model : str or None
        Such as the sensor's name.
    """
    return Device(
        device_id=_short(rig),
        device_model=model or "unknown",
        system_version=f"{platform.system()}-{platform.release()}",
        app_version=software,
    )


def this_computer() -> Device:
    """Describe this computer, for requests that are no rig's: a login, a registration."""
    from edge import __version__

    return device_of(platform.node() or "unknown", f"cosmic-edge {__version__}")


def _short(rig: str) -> str:
    """Name of at most 50 characters; longer ones keep apart by a hash where they would be cut."""
    if len(rig) <= DEVICE_CHARS:
        return rig
    return f"{rig[: DEVICE_CHARS - 9]}-{hashlib.sha256(rig.encode()).hexdigest()[:8]}"
