"""A moment of a session as the display's snapshot."""

from __future__ import annotations

from edge.config.model import Config
from edge.detection import Hit
from edge.display.snapshot import CropView, Snapshot
from edge.expected import sensor_area_cm2
from edge.frame import FrameSource
from edge.live.parts import Moment

_NS = 1_000_000_000


def snapshot(
    command: str,
    config: Config,
    source: FrameSource,
    moment: Moment,
    *,
    stored: int | None = None,
    expected_per_min: float | None = None,
) -> Snapshot:
    """Lay out what a person watches.

    Parameters
    ----------
    stored : int or None
        Hits in the server's database, where it is known.
    expected_per_min : float or None
        Known rate of a simulation.
    """
    total = moment.parts.reporter.so_far()
    live_s = total.live_time_ns / _NS
    clock = moment.parts.clock.stamp(moment.parts.clock.boottime_ns())
    outbox = moment.parts.outbox
    progress = moment.parts.loop.calibration_progress or (None, None)
    mode = moment.parts.reporter.mode
    return Snapshot(
        command=command,
        rig=config.rig.name,
        source=source.name,
        state=moment.state,
        note=moment.parts.loop.note or moment.parts.uplink.stats.last_error,
        origin=source.origin,
        elapsed_s=moment.elapsed_s,
        frames_per_s=moment.frames_per_s,
        frames=total.frame_counts(),
        live_time_s=live_s,
        dead_time_s={cause: ns / _NS for cause, ns in total.dead_time_ns.items()},
        area_cm2=sensor_area_cm2(config, mode) if mode is not None else None,
        expected_hits=None if expected_per_min is None else expected_per_min * live_s / 60,
        hits=total.hits,
        by_class=dict(moment.parts.reporter.totals.classes),
        candidates=total.candidates,
        rejected=total.rejected,
        efficiency=moment.parts.reporter.efficiency(),
        clock=clock.state,
        clock_uncertainty_s=clock.uncertainty_s,
        temperature_c=total.temperature_c,
        calibration_done=progress[0],
        calibration_wanted=progress[1],
        calibration_id=moment.parts.loop.detector.calibration_id
        if moment.parts.loop.detector
        else "",
        connection=moment.parts.uplink.stats.state,
        published=moment.parts.uplink.stats.published,
        acknowledged=outbox.hits_acknowledged,
        outbox=outbox.owed,
        stored=stored,
        muons_per_cm2_min=config.display.muon_rate_per_cm2_min,
        crops=tuple(_crop_view(hit) for hit in reversed(moment.parts.reporter.totals.last_hits)),
    )


def _crop_view(hit: Hit) -> CropView:
    candidate, crop = hit.candidate, hit.candidate.crop
    return CropView(
        crop.pixels,
        hit.label,
        f"{candidate.peak_adu} ADU",
        peak=(candidate.y_px - crop.y0_px, candidate.x_px - crop.x0_px),
    )
