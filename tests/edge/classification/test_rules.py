"""The rule classifier: its rules on drawn shapes, and its recall on real hits."""

from __future__ import annotations

import csv
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from edge.classification.classes import CLASSES, Classification, Classifier
from edge.classification.rules import RuleClassifier
from edge.crop import crop
from edge.describe import describe
from edge.detection import Candidate


def brightest_cluster(frame: np.ndarray, threshold: float) -> Candidate:
    """The cluster above a threshold that holds the brightest pixel."""
    labels, _ = ndimage.label(frame > threshold, np.ones((3, 3)))
    peak = np.unravel_index(int(np.argmax(frame)), frame.shape)
    rows, cols = np.nonzero(labels == labels[peak])
    excess = (frame[rows, cols] - np.median(frame)).astype(np.float32)
    brightest = int(np.argmax(excess))
    return Candidate(
        rows=rows.astype(np.int32),
        cols=cols.astype(np.int32),
        values_adu=frame[rows, cols].astype(np.uint16),
        excess_adu=excess,
        peak=brightest,
        peak_sigma=float(excess[brightest]),
        crop=crop(frame, int(rows[brightest]), int(cols[brightest])),
    )


def classify(frame: np.ndarray, threshold: float = 50) -> Classification:
    found = brightest_cluster(frame, threshold)
    (answer,) = RuleClassifier().classify([(found, describe(found))])
    return answer


def dark() -> np.ndarray:
    return np.zeros((120, 120), np.uint8)


def line(*points: tuple[int, int], thickness: int = 1) -> np.ndarray:
    frame = dark()
    cv2.polylines(frame, [np.array(points)], False, 200, thickness)
    return frame


def blob(radius: int) -> np.ndarray:
    frame = dark()
    cv2.circle(frame, (60, 60), radius, 200, -1)
    return frame


def test_round_blob_is_a_spot():
    assert classify(blob(3)).label == "spot"


@pytest.mark.parametrize("end", [(60, 90), (75, 77), (90, 52), (62, 55)])
def test_straight_line_is_a_track_at_any_angle(end):
    assert classify(line((58, 50), end, thickness=2)).label == "track"


def test_thin_diagonal_is_a_track_not_a_worm():
    assert classify(line((50, 50), (65, 65))).label == "track"


def test_bent_line_is_a_worm():
    answer = classify(line((50, 50), (60, 50), (60, 60), (70, 60), (70, 70)))
    assert answer.label == "worm"


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_pixels_are_a_spot_whatever_their_shape(count):
    frame = dark()
    frame[60, 60 : 60 + count] = 200
    assert classify(frame).label == "spot"
    frame[60, 60 : 60 + 5] = 200
    assert classify(frame).label == "track"


def test_what_fills_its_crop_is_an_artefact():
    frame = dark()
    frame[30:60, 30:60] = 200
    assert classify(frame).label == "artefact"


def test_long_track_beyond_its_crop_is_no_artefact():
    assert classify(line((2, 2), (117, 90), thickness=3)).label == "track"


@pytest.mark.parametrize("turn", [0, 1])
def test_long_piece_of_one_row_or_column_is_an_artefact(turn):
    frame = dark()
    frame[60, 40:70] = 200
    assert classify(np.rot90(frame, turn)).label == "artefact"
    frame[60, 40] = 0
    assert classify(np.rot90(frame, turn)).label == "track"


def test_scores_are_a_distribution_with_the_label_on_top():
    for frame in (blob(3), blob(30), line((50, 50), (65, 65)), line((50, 50), (60, 50), (60, 60))):
        answer = classify(frame)
        assert tuple(answer.scores) == CLASSES
        assert sum(answer.scores.values()) == pytest.approx(1)
        assert answer.label == max(answer.scores, key=answer.scores.__getitem__)


@settings(max_examples=200, deadline=None)
@given(ellipticity=st.floats(0, 0.999), solidity=st.floats(0.01, 1), area=st.integers(1, 300))
def test_every_shape_gets_a_class_and_its_score_leads(ellipticity, solidity, area):
    found = brightest_cluster(blob(2), 50)
    features = describe(found) | {
        "weighted_ellipticity": ellipticity,
        "solidity": solidity,
        "area_px": float(area),
    }
    (answer,) = RuleClassifier().classify([(found, features)])
    assert answer.scores[answer.label] == max(answer.scores.values())
    assert sum(answer.scores.values()) == pytest.approx(1)
    # Inside the field's own regions the answer is the field's.
    if area >= 5 and solidity != 0.8:
        if solidity < 0.8:
            assert answer.label == "worm"
        elif ellipticity < 0.1:
            assert answer.label == "spot"
        elif ellipticity > 0.8:
            assert answer.label == "track"


def test_score_is_even_at_a_border_and_clear_far_from_it():
    found = brightest_cluster(blob(2), 50)
    classifier: Classifier = RuleClassifier()
    features = describe(found) | {"solidity": 1.0}
    near, far = classifier.classify(
        [
            (found, features | {"weighted_ellipticity": 0.451}),
            (found, features | {"weighted_ellipticity": 0.95}),
        ]
    )
    assert near.scores["track"] == pytest.approx(near.scores["spot"], rel=0.01)
    assert far.scores["track"] > 0.85


def test_empty_batch_has_no_answers():
    assert RuleClassifier().classify([]) == []
    assert RuleClassifier().model_id == "rules/1"


def confusion(crops: list[tuple[str, np.ndarray]]) -> Counter[tuple[str, str]]:
    """Label and answer, with the field's threshold: an eighth of the range of the lit pixels."""
    counts: Counter[tuple[str, str]] = Counter()
    for label, gray in crops:
        low, high = int(gray[gray > 0].min()), int(gray.max())
        if high > low:
            counts[label, classify(gray, (high - low) / 8 + low).label] += 1
    return counts


def recall(counts: Counter[tuple[str, str]], label: str) -> float:
    return counts[label, label] / sum(counts[label, answer] for answer in CLASSES)


def test_recall_on_labelled_phone_hits_is_what_the_docstring_states(shared_data):
    folder = shared_data / "credo_labelled"
    with (folder / "index.csv").open() as index:
        rows = [row for row in csv.DictReader(index) if row["label_quality"] != "ambiguous"]
    crops = []
    for row in rows:
        image = cv2.imread(str(folder / "png" / f"{row['id']}.png"), cv2.IMREAD_UNCHANGED)
        if row["label"] and image is not None:
            crops.append((row["label"], cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY)))
    counts = confusion(crops)
    assert recall(counts, "spot") > 0.94
    assert recall(counts, "track") > 0.91
    # A pre-sort: worms with few bends are solid, and artefacts take every shape.
    assert 0.5 < recall(counts, "worm") < 0.7
    assert 0.55 < recall(counts, "artefact") < 0.7
    precision = counts["track", "track"] / sum(counts[label, "track"] for label in CLASSES)
    assert 0.5 < precision < 0.6
    signals = sum(counts[label, "artefact"] for label in ("spot", "track", "worm"))
    assert signals == 0


def test_recall_on_pi_camera_hits_is_what_the_docstring_states(shared_data):
    folder = shared_data / "pi_camera_v1"
    with (folder / "index.csv").open() as index:
        crops = [
            (row["label"], cv2.imread(str(folder / row["file"]), cv2.IMREAD_UNCHANGED).max(axis=2))
            for row in csv.DictReader(index)
        ]
    counts = confusion(crops)
    assert recall(counts, "spot") > 0.93
    assert recall(counts, "track") > 0.82
