"""The ``[clock]`` table."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from edge.config.section import ALLOWED, Section
from edge.config.values import HostName


class ClockConfig(Section):
    """How the rig knows the time."""

    ntp_servers: Annotated[tuple[HostName, ...], Field(strict=False)] = Field(
        (),
        json_schema_extra={ALLOWED: 'a list of host names: ["host", …]'},
        description="NTP servers that the rig asks itself, three or more; none: a clock daemon "
        "(chrony, timesyncd) answers for the clock. The smaller bound counts.",
    )
    ntp_timeout_s: float = Field(
        5.0, ge=0.1, le=60, description="Longest wait for the answer of a server's address."
    )
    ntp_poll_least_s: float = Field(
        64.0,
        ge=16,
        le=86_400,
        description="Wait between two questions to a server, after four at the start; public "
        "servers ask for 64 or more.",
    )
    ntp_poll_most_s: float = Field(
        1024.0,
        ge=16,
        le=86_400,
        description="The wait doubles up to this while the time is as expected.",
    )
    chrony: bool = Field(
        True, description="Ask chronyd, where it runs, how good the system's clock is."
    )
    wait_s: float = Field(
        600.0,
        ge=0,
        le=86_400,
        description="Longest wait of a hit for the first sync before it is sent unsynced.",
    )

    @model_validator(mode="after")
    def _least_below_most(self) -> ClockConfig:
        if self.ntp_poll_least_s > self.ntp_poll_most_s:
            raise ValueError(
                f"ntp_poll_least_s ({self.ntp_poll_least_s:g}) must not be above "
                f"ntp_poll_most_s ({self.ntp_poll_most_s:g})"
            )
        return self
