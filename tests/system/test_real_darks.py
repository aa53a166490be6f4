"""Real dark frames of CCD cameras: the real tracks and worms are found, the hot pixels are not.

The reference is a few lines of NumPy that share nothing with the product: clusters of 3 or more
pixels that stand 10 sigma above the median of the series' other frames, sigma being the larger of
the difference frame's robust spread and of the pixel's own over the other frames.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from edge.cli.main import main

pytestmark = pytest.mark.shared_data

SERIES = {
    "stl1001e 60 s": "stl1001e/dark_060s_*.fits",
    "st402 240 s": "st402/dark_240s_*.fits",
    "st402 360 s": "st402/dark_360s_*.fits",
}


def robust_spread(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    middle = np.median(values, axis=axis, keepdims=True)
    return 1.4826 * np.median(np.abs(values - middle), axis=axis)


def reference_clusters(stack: np.ndarray) -> list[list[np.ndarray]]:
    """Pixels (row, column) of each cluster, by frame."""
    found = []
    for i in range(len(stack)):
        others = np.delete(stack, i, axis=0)
        difference = stack[i] - np.median(others, axis=0)
        sigma = np.maximum(robust_spread(difference), robust_spread(others, axis=0))
        labels, count = ndimage.label(difference > 10 * sigma, structure=np.ones((3, 3)))
        clusters = [np.argwhere(labels == k + 1) for k in range(count)]
        found.append([cluster for cluster in clusters if len(cluster) >= 3])
    return found


def hot_pixels(stack: np.ndarray) -> np.ndarray:
    """Pixels that stand 10 robust sigma above their own frame's median in two or more frames."""
    medians = np.median(stack, axis=(1, 2), keepdims=True)
    spreads = np.array([robust_spread(frame) for frame in stack])[:, None, None]
    return np.asarray((stack > medians + 10 * spreads).sum(axis=0) >= 2)


def near(cluster: np.ndarray, hit: dict[str, Any]) -> bool:
    """Whether a hit holds a pixel within 2 px: one particle may be several reference clusters."""
    box = {side: int(hit["features"][f"bbox_{side}_px"]) for side in ("x0", "y0", "x1", "y1")}
    down = cluster[:, 0] - np.clip(cluster[:, 0], box["y0"], box["y1"])
    right = cluster[:, 1] - np.clip(cluster[:, 1], box["x0"], box["x1"])
    return bool(np.hypot(down, right).min() <= 2)


@pytest.mark.parametrize("series", SERIES)
def test_real_tracks_are_found_and_hot_pixels_are_not(
    series: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from astropy.io import fits

    files = sorted((shared_data / "darks").glob(SERIES[series]))
    folder = tmp_path / "series"
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    out = tmp_path / "hits.jsonl"
    assert main(["replay", str(folder), "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    hits = [json.loads(line) for line in out.read_text().splitlines()]

    stack = np.stack([fits.getdata(file).astype(np.float64) for file in files])
    reference = reference_clusters(stack)
    total = sum(map(len, reference))
    found = sum(
        any(hit["frame"] == i and near(cluster, hit) for hit in hits)
        for i, clusters in enumerate(reference)
        for cluster in clusters
    )
    hot = hot_pixels(stack)
    unmatched = [
        hit for hit in hits if not any(near(cluster, hit) for cluster in reference[hit["frame"]])
    ]
    on_hot = [hit for hit in unmatched if hot[hit["y_px"], hit["x_px"]]]
    print(
        f"{series}: {len(hits)} hits; {found} of {total} reference clusters; "
        f"{len(on_hot)} hits on the {int(hot.sum())} hot pixels"
    )
    assert total > 30
    assert found >= 0.95 * total
    assert len(on_hot) <= 0.05 * len(hits)
    assert summary["hits"] == len(hits)
    assert summary["processed"] == len(files)
    assert summary["candidates"] == summary["hits"] + sum(summary["rejected"].values())


def test_every_frame_of_a_mixed_folder_is_accounted_for(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(shared_data / "darks" / "stl1001e"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["expected"] == 23
    assert summary["processed"] == 15
    assert summary["calibrating"] == 8
    assert len(summary["notes"]) == 8


def test_flat_frames_between_darks_are_uncovered_and_the_darks_hold_no_hit(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(shared_data / "darks" / "meudon"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["uncovered"] == 6
    assert summary["processed"] == 5
    assert summary["hits"] == 0
