"""All looks of a rig, and their result for a person and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from edge.display import units
from edge.doctor.check import Check, Finding, Look
from edge.doctor.system import versions

if TYPE_CHECKING:
    from edge.config.model import Config

_STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_LEAST_CAMERA_S = 15.0


def looks(config: Config | None, problem: str, state_dir: Path) -> list[Look]:
    """Everything that `doctor` looks at.

    Parameters
    ----------
    config : Config or None
        None: the configuration can't be read, and what depends on it is not looked at.
    problem : str
        Why it can't.
    state_dir : Path
        Folder of outbox and calibrations.
    """
    from edge.doctor import learned, outbox, system

    chosen = [
        Look("python", system.python),
        Look("numba", lambda: system.numba(state_dir=state_dir), 60.0),
    ]
    if config is None:
        advice = "cosmic-edge config check names all that is wrong with it"
        chosen.append(Look("configuration", lambda: Finding("fail", problem, advice)))
    else:
        chosen += _configured(config, state_dir)
    rig = None if config is None else stated_rig(config)
    return [
        *chosen,
        Look("calibration", lambda: learned.calibration(state_dir), 30.0),
        Look(
            "outbox",
            lambda: outbox.outbox(state_dir, rig),
            advice="what can be read is saved at the rig's next start; look at the disk",
        ),
    ]


def _configured(config: Config, state_dir: Path) -> list[Look]:
    from edge.doctor import broker, camera, clock, disk, model, running
    from edge.sources import open_source

    source, link = config.source, config.broker
    rig = stated_rig(config) or running.rig_of(state_dir) or config.rig.name
    return [
        Look("configuration", lambda: Finding("ok", f"rig {rig!r}, source {source.url}")),
        Look(
            "camera",
            lambda: camera.camera(source.url, open_source, rig_runs=running.rig_runs(state_dir)),
            max(_LEAST_CAMERA_S, 3 * source.stall_timeout_s),
            "is it connected, is another program using it, is the source URL right?",
        ),
        Look("clock", lambda: clock.of_rig(config.clock, state_dir)),
        Look(
            "broker",
            lambda: broker.of_rig(link, rig, state_dir),
            15.0,
            "look at [broker] in the configuration",
        ),
        Look("disk", lambda: disk.disk(state_dir, config.outbox.max_bytes)),
        Look("model", lambda: model.model(config), 90.0),
    ]


def stated_rig(config: Config) -> str | None:
    """Name of the rig where somebody chose it; None where it is the default."""
    return config.rig.name if "name" in config.rig.model_fields_set else None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of all looks."""

    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """True where no check failed; warnings are allowed."""
        return all(check.finding.verdict != "fail" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; `outbox` is there in any case, null where it can't be read."""
        data = {check.name: check.finding.data for check in self.checks}
        return {
            "ok": self.ok,
            "checks": [check.to_json() for check in self.checks],
            "outbox": data.get("outbox") or None,
            "clock": data.get("clock") or None,
            "versions": versions(),
        }


class ReportTable:
    """Verdicts with what was found, and below each what to do."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for check in self._report.checks:
            found = check.finding
            text = Text(units.readable(found.detail, ascii_only=options.ascii_only))
            if found.advice and found.verdict != "ok":
                advice = units.readable(f"\n→ {found.advice}", ascii_only=options.ascii_only)
                text.append(advice, _STYLE[found.verdict])
            table.add_row(Text(found.verdict, style=_STYLE[found.verdict]), check.name, text)
        yield table
