"""Real hits of a Pi camera in real dark frames of CCDs: what is found at which brightness."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge.cli.main import main
from edge.intervals import wilson
from edge.scoring.hits import read_hits
from edge.scoring.matching import NONE, match
from edge.scoring.plot import draw as draw_score
from edge.scoring.score import score_files
from edge.scoring.truth import read_truth
from tests.conftest import REPOSITORY
from tests.system.real_stream import real_hits, take_apart, write_stream

pytestmark = pytest.mark.shared_data

SERIES = {
    "st402_240s": ("st402/dark_240s_*.fits", None),
    "st402_360s": ("st402/dark_360s_*.fits", None),
    "stl1001e_60s": ("stl1001e/dark_060s_*.fits", 400),
}
"""Files, and the side of the piece that is used (a whole frame would take minutes)."""
PEAKS_SIGMA = (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 10.0, 12.0, 15.0, 20.0, 40.0)
EACH = 60
PER_FRAME = 4


@pytest.mark.parametrize("series", SERIES)
def test_efficiency_rises_with_brightness_from_nothing_to_all(
    series: str, shared_data: Path, tmp_path: Path
) -> None:
    from astropy.io import fits

    pattern, side = SERIES[series]
    files = sorted((shared_data / "darks").glob(pattern))
    draw = np.random.default_rng(402)
    stack = np.stack([fits.getdata(file)[:side, :side].astype(np.float64) for file in files])
    peaks = draw.permutation(np.repeat(PEAKS_SIGMA, EACH))
    recording, out = tmp_path / "recording", tmp_path / "hits.jsonl"
    frames = write_stream(
        recording,
        take_apart(stack, draw),
        real_hits(shared_data / "pi_camera_v1"),
        peaks,
        per_frame=PER_FRAME,
        draw=draw,
    )
    assert main(["replay", str(recording), "--out", str(out)]) == 0

    particles = read_truth(recording / "truth.jsonl", [])
    hits = read_hits(out, [])
    matching = match(particles, hits, hits.series)
    false = int(matching.false.sum())
    print(f"{series}: {frames} frames, {len(hits)} hits, {false} false")
    found = {}
    for peak in PEAKS_SIGMA:
        some = particles.peak_sigma == peak
        found[peak] = int((matching.hit_of[some] != NONE).sum())
        low, high = wilson(found[peak], EACH)
        share = found[peak] / EACH
        print(f"{peak:5.1f} sigma: {share:6.1%} ({low:.1%} to {high:.1%}) of {EACH}")
    build = REPOSITORY / "build"
    build.mkdir(exist_ok=True)
    draw_score(score_files(out, recording), build / f"real_crops_{series}.png")

    bright = [peak for peak in PEAKS_SIGMA if peak >= 10]
    total = sum(found[peak] for peak in bright)
    _, high = wilson(total, len(bright) * EACH)
    assert high >= 0.99, f"{total} of {len(bright) * EACH} at 10 sigma and more"
    assert total >= 0.98 * len(bright) * EACH
    faint = sum(found[peak] for peak in PEAKS_SIGMA if peak < 3)
    assert faint <= 0.02 * 2 * EACH
    # Never less than what was found of the fainter ones, but for chance.
    for fainter, brighter in pairwise(PEAKS_SIGMA):
        assert wilson(found[brighter], EACH)[1] >= wilson(found[fainter], EACH)[0]
    assert false <= 0.02 * len(hits)
