"""Frames: reproducible in any order, with the noise, the faults and the truth they claim."""

import dataclasses
import gc
import hashlib
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Simulation, SimulationSpec

# Some of everything, small.
BUSY = SimulationSpec(
    width_px=96,
    height_px=64,
    hits_per_min=20_000,
    telegraph_pixels=6,
    row_noise_adu=1.0,
    drop_rate=0.2,
    bad_rate=0.2,
    uncover_at_s=0.2,
    uncover_s=0.1,
    seed=7,
)
QUIET = {"hits_per_min": 0.0, "hot_pixels": 0, "telegraph_pixels": 0}

HASHES = """
import hashlib
from simulator import Simulation, SimulationSpec
s = Simulation(SimulationSpec(width_px=96, height_px=64, hits_per_min=20000, seed=7))
print(hashlib.sha256(b"".join(s.frame(i).pixels.tobytes() for i in range(8))).hexdigest())
"""


def described(frame):
    return (
        frame.pixels.tobytes(),
        frame.pixels.shape,
        frame.covered,
        frame.dropped,
        frame.truncated,
        [truth.to_dict() for truth in frame.truth],
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 1600), min_size=1, max_size=6))
def test_any_frame_is_the_same_in_any_order_of_asking(order):
    walked = Simulation(BUSY)
    alone = [described(Simulation(BUSY).frame(i)) for i in order]
    assert [described(walked.frame(i)) for i in order] == alone


@pytest.fixture
def busy_threads():
    """Let threads take turns so often that they meet in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_one_simulation_asked_from_8_threads_tells_what_it_tells_one(busy_threads):
    spec = dataclasses.replace(
        BUSY, width_px=32, height_px=24, hits_per_min=60.0, afterglow_share=0.1
    )

    def told(simulation, first):
        order = range(first, 600)
        return [[t.to_dict() for t in simulation.truth(i * 7 % 600)] for i in order]

    def made(simulation, first):
        return [described(simulation.frame(i)) for i in range(first, 40)]

    alone, shared = Simulation(spec), Simulation(spec)
    for ask in (told, made):
        expected = ask(alone, 0)
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda first, ask=ask: ask(shared, first), range(8))
            assert list(answers) == [expected[first:] for first in range(8)]


def test_a_simulation_goes_when_nobody_holds_it():
    simulation = Simulation(BUSY)
    simulation.frame(0)
    gone = weakref.ref(simulation)
    gc.disable()
    try:
        del simulation
        assert gone() is None
    finally:
        gc.enable()


def test_a_walk_from_the_start_equals_a_jump():
    walked = Simulation(BUSY)
    frames = [described(walked.frame(i)) for i in range(30)]
    assert described(Simulation(BUSY).frame(29)) == frames[29]
    assert described(walked.frame(3)) == frames[3]


def test_another_process_makes_the_same_bytes():
    other = subprocess.run(
        [sys.executable, "-c", HASHES], capture_output=True, text=True, check=True, timeout=60
    )
    simulation = Simulation(SimulationSpec(width_px=96, height_px=64, hits_per_min=20_000, seed=7))
    here = b"".join(simulation.frame(i).pixels.tobytes() for i in range(8))
    assert other.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_another_seed_makes_another_sensor_and_other_noise():
    one, two = (Simulation(SimulationSpec(seed=seed)) for seed in (1, 2**64 - 1))
    assert not np.array_equal(one.sensor.hot, two.sensor.hot)
    assert not np.array_equal(one.frame(0).pixels, two.frame(0).pixels)


def test_truth_can_be_told_without_making_the_frame():
    simulation = Simulation(BUSY)
    for i in range(12):
        frame = simulation.frame(i)
        told = [truth.to_dict() for truth in simulation.truth(i)]
        assert told == [truth.to_dict() for truth in frame.truth]
        faults = simulation.faults(i)
        assert (faults.dropped, faults.truncated) == (frame.dropped, frame.truncated)


def test_pixels_are_read_only_and_of_the_stated_depth():
    for bit_depth, dtype in ((8, np.uint8), (10, np.uint16), (16, np.uint16)):
        frame = Simulation(SimulationSpec(bit_depth=bit_depth)).frame(0)
        assert frame.pixels.dtype == dtype
        assert frame.pixels.shape == (240, 320)
        assert not frame.pixels.flags.writeable
        assert frame.pixels.max() < 1 << bit_depth


def test_noise_has_the_stated_level_and_spread():
    spec = SimulationSpec(width_px=64, height_px=64, dark_current_e_per_s=0.0, **QUIET)
    simulation = Simulation(spec)
    stack = np.stack([simulation.frame(i).pixels for i in range(200)]).astype(float)
    assert stack.mean() == pytest.approx(64, abs=0.1)
    # Rounding to whole counts adds a twelfth to the variance.
    within = stack.std(axis=0).mean()
    assert within == pytest.approx(np.sqrt(2.0**2 + 1 / 12), rel=0.01)
    # The fixed pattern: a quarter of the read noise, and what is left of the noise in the mean.
    between = stack.mean(axis=0).std()
    assert between == pytest.approx(np.sqrt(0.5**2 + 2.0**2 / 200), rel=0.05)


def test_noise_of_one_frame_tells_nothing_of_the_next():
    simulation = Simulation(SimulationSpec(**QUIET))
    one, two, three = (simulation.frame(i).pixels.astype(float) for i in (0, 1, 2))
    correlation = np.corrcoef((two - one).ravel(), (three - one).ravel())[0, 1]
    assert correlation == pytest.approx(0.5, abs=0.02)  # they share `one` and nothing else


def test_dark_current_raises_mean_and_noise_with_the_exposure():
    values = dict(QUIET, width_px=64, height_px=64, dark_current_e_per_s=100.0, fps=0.5)
    short = Simulation(SimulationSpec(exposure_s=0.1, **values)).frame(0).pixels.astype(float)
    long = Simulation(SimulationSpec(exposure_s=1.9, **values)).frame(0).pixels.astype(float)
    adu_per_e = SimulationSpec().adu_per_e
    raised = np.exp(0.5**2 / 2) * 180 * adu_per_e  # the mean of a log-normal
    assert long.mean() - short.mean() == pytest.approx(raised, rel=0.05)
    assert long.std() > 5 * short.std()


def test_hot_pixels_are_as_many_as_asked_stable_and_spread_over_the_range():
    simulation = Simulation(
        SimulationSpec(hot_pixels=200, dark_tail_share=0, telegraph_pixels=0, hits_per_min=0)
    )
    stack = np.stack([simulation.frame(i).pixels for i in range(12)]).reshape(12, -1)
    mean = stack.mean(axis=0)
    found = np.flatnonzero(mean > 64 + 12)
    assert np.array_equal(found, simulation.sensor.hot)
    excess = np.log(mean[found] - 64)
    assert excess.min() < np.log(40) < np.log(500) < excess.max()
    assert np.median(excess) == pytest.approx((np.log(20) + np.log(959)) / 2, abs=0.4)


def test_particles_come_as_a_poisson_process_at_the_stated_rate():
    spec = SimulationSpec(width_px=64, height_px=64, hits_per_min=1800, exposure_s=0.02)
    simulation = Simulation(spec)
    counts = np.array([len(simulation.truth(i)) for i in range(3000)])
    expected = 1800 / 60 * 0.02  # only what falls into an exposure
    assert counts.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 3000))
    assert counts.var() == pytest.approx(expected, rel=0.12)
    offsets = np.array([t.time_offset_s for i in range(500) for t in simulation.truth(i)])
    assert offsets.min() >= 0
    assert offsets.max() <= 0.02 + 64 * spec.row_time_ns * 1e-9


def test_truth_is_what_the_noise_free_frame_would_show():
    spec = SimulationSpec(
        width_px=128,
        height_px=96,
        hits_per_min=1800,
        read_noise_adu=0.0,
        fixed_pattern_adu=0.0,
        dark_current_e_per_s=0.0,
        bit_depth=12,
        hot_pixels=0,
        telegraph_pixels=0,
    )
    simulation = Simulation(spec)
    checked = 0
    for i in range(200):
        frame = simulation.frame(i)
        if len(frame.truth) != 1:
            continue
        truth = frame.truth[0]
        signal = frame.pixels.astype(float) - spec.black_adu
        # Only the particle's own shot noise is left.
        shot_adu = np.sqrt(truth.sum_adu * spec.adu_per_e) + 4
        assert signal.sum() == pytest.approx(truth.sum_adu, rel=0.1, abs=5 * shot_adu)
        shot_adu = np.sqrt(truth.peak_adu * spec.adu_per_e) + 1
        assert signal[truth.y_px, truth.x_px] == pytest.approx(truth.peak_adu, abs=5 * shot_adu)
        assert signal.max() == pytest.approx(truth.peak_adu, abs=6 * shot_adu)
        outside = signal.copy()
        outside[truth.rows, truth.cols] = 0
        assert outside.max() <= 4 * spec.adu_per_e
        checked += 1
    assert checked > 40


def test_tracks_look_like_tracks_long_narrow_and_faint_beside_worms():
    spec = SimulationSpec(width_px=640, height_px=480, hits_per_min=60_000)
    truth = [t for i in range(12) for t in Simulation(spec).truth(i)]
    inside = [t for t in truth if 60 < t.x_px < 580 and 60 < t.y_px < 420]
    shape = {kind: [] for kind in ("spot", "track", "worm")}
    for t in inside:
        places = np.stack([t.cols, t.rows]).astype(float)
        spread = np.linalg.eigvalsh(np.cov(places) + np.eye(2) / 12) if len(t.rows) > 1 else [0, 0]
        shape[t.kind].append((len(t.rows), *np.sqrt(12 * np.maximum(spread, 0))))
    area, width, length = np.median(np.array(shape["track"]), axis=0)
    assert 15 < area < 60
    assert 8 < length < 25
    assert width < 5
    assert np.median([s[0] for s in shape["spot"]]) <= 16
    assert np.median([s[2] for s in shape["spot"]]) < 6
    sums = {k: np.median([t.sum_adu for t in inside if t.kind == k]) for k in shape}
    assert sums["worm"] > 2 * sums["track"] > 0


def test_bright_pixels_stop_at_full_scale_and_truth_knows():
    spec = SimulationSpec(hits_per_min=20_000, worm_share=1, spot_share=0, track_share=0, gain=16.0)
    simulation = Simulation(spec)
    frame = simulation.frame(0)
    assert frame.pixels.max() == 1023
    assert max(t.peak_adu for t in frame.truth) <= 1023 - 60
    assert all(t.sum_adu <= len(t.rows) * 1023 * 1.1 for t in frame.truth)


def test_black_clip_takes_the_black_level_off_and_cuts_the_noise_at_0():
    spec = SimulationSpec(black_clip=True, **QUIET)
    pixels = Simulation(spec).frame(0).pixels
    assert 0.4 < np.mean(pixels == 0) < 0.6
    assert np.quantile(pixels, 0.999) < 12


def test_light_falls_in_when_asked_and_only_then():
    spec = SimulationSpec(uncover_at_s=1.0, uncover_s=0.5, **QUIET)
    simulation = Simulation(spec)
    covered = [simulation.frame(i).covered for i in range(60)]
    assert covered == [not 1.0 <= i * spec.frame_duration_ns * 1e-9 < 1.5 for i in range(60)]
    assert covered.count(False) == 15
    bright = simulation.frame(32).pixels
    assert bright.mean() > 300
    assert bright[100:140, 140:180].mean() > 1.3 * bright[:20, :20].mean()
    assert simulation.frame(46).pixels.mean() < 70


def test_faulty_frames_come_in_the_stated_share_and_never_both_ways():
    spec = SimulationSpec(width_px=16, height_px=16, drop_rate=0.1, bad_rate=0.2, hot_pixels=0)
    simulation = Simulation(spec)
    faults = [simulation.faults(i) for i in range(3000)]
    assert np.mean([f.dropped for f in faults]) == pytest.approx(0.1, abs=0.03)
    assert np.mean([f.truncated for f in faults]) == pytest.approx(0.18, abs=0.03)
    assert not any(f.dropped and f.truncated for f in faults)
    shapes = [simulation.frame(i).pixels.shape for i in range(100) if faults[i].truncated]
    assert shapes
    assert all(rows < 16 and columns == 16 for rows, columns in shapes)
    assert len(set(shapes)) > 5


def test_row_noise_moves_whole_rows():
    spec = SimulationSpec(row_noise_adu=3.0, **QUIET)
    pixels = Simulation(spec).frame(0).pixels.astype(float)
    assert pixels.mean(axis=1).std() == pytest.approx(3.0, rel=0.2)
    assert pixels.mean(axis=0).std() < 0.4
