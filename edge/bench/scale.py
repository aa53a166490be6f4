"""How large and how long the benchmarks are."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
"""Width and height in px."""

MEGAPIXELS_12: Size = (4056, 3040)  # Pi camera HQ (IMX477)
FULL_HD: Size = (1920, 1080)
VGA: Size = (640, 480)


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and counts of a run.

    Attributes
    ----------
    rounds : int
        Samples of each contender.
    large, medium : (int, int)
        Frames that the keys call 12 MP and 1080p.
    sizes : tuple of (int, int)
        Frames for the cost against pixels and for the peak memory, smallest first.
    hits : tuple of int
        Particles in a frame, for the cost against hits, fewest first.
    hits_size : (int, int)
        Frame they are in.
    recordings : tuple of ((int, int), int)
        Size and number of frames of each simulated recording.
    replay_rounds : int
        Replays of each.
    calibration_frames : int
        Frames that calibrate a recording.
    commits : tuple of (int, int)
        Messages in a commit, and commits in a sample.
    hot_pixels : tuple of int
        For the cost against hot pixels, 0 first.
    memory_frames : int
        Least number of different frames of the ``_memory`` keys; more where the processor's cache
        would hold them.
    loop_frames, loop_memory_frames : int
        Frames of the recordings that the loop replays.
    loop_rounds : int
        Replays of each.
    peak_frames : int
        Frames after which the peak memory is read; more than 64, so that thresholds turn.
    live_s, live_warm_s : float
        How long a live run is watched, and how long it runs before that.
    """

    rounds: int
    large: Size
    medium: Size
    sizes: tuple[Size, ...]
    hits: tuple[int, ...]
    hits_size: Size
    recordings: tuple[tuple[Size, int], ...]
    replay_rounds: int
    calibration_frames: int
    commits: tuple[tuple[int, int], ...]
    hot_pixels: tuple[int, ...]
    memory_frames: int
    loop_frames: int
    loop_memory_frames: int
    loop_rounds: int
    peak_frames: int
    live_s: float
    live_warm_s: float


_SIZES: tuple[Size, ...] = (
    VGA,
    (1280, 720),
    FULL_HD,
    (2592, 1944),  # Pi camera 1 (OV5647)
    (3280, 2464),  # Pi camera 2 (IMX219)
    MEGAPIXELS_12,
)

FULL = Scale(
    rounds=21,
    large=MEGAPIXELS_12,
    medium=FULL_HD,
    sizes=_SIZES,
    hits=(0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000),
    hits_size=FULL_HD,
    recordings=(((320, 240), 1000), (FULL_HD, 60)),
    replay_rounds=5,
    calibration_frames=50,
    commits=((1, 20), (64, 4)),
    hot_pixels=(0, 100, 500, 1000, 3000, 10_000, 30_000, 100_000),
    memory_frames=40,
    loop_frames=130,
    loop_memory_frames=600,
    loop_rounds=5,
    peak_frames=130,
    live_s=20.0,
    live_warm_s=5.0,
)
"""What a report quotes."""

QUICK = Scale(
    rounds=7,
    large=MEGAPIXELS_12,
    medium=FULL_HD,
    sizes=(VGA, FULL_HD, MEGAPIXELS_12),
    hits=(0, 10, 100, 1000, 3000, 10_000),
    hits_size=FULL_HD,
    recordings=(((320, 240), 300), (FULL_HD, 20)),
    replay_rounds=3,
    calibration_frames=20,
    commits=((1, 10), (64, 2)),
    hot_pixels=(0, 500, 10_000, 100_000),
    memory_frames=40,
    loop_frames=130,
    loop_memory_frames=300,
    loop_rounds=2,
    peak_frames=70,
    live_s=5.0,
    live_warm_s=5.0,
)
"""A look: the same contenders, fewer rounds."""
