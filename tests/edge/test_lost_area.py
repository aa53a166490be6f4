"""Past 1 % of the sensor a rig says that it is lost, once, and goes on."""

from __future__ import annotations

from pathlib import Path

from edge.lost_area import LostArea
from tests.edge.candidates import MODE
from tests.edge.stacks import check_sums, dark, in_memory, replay

_PIXELS = MODE.width_px * MODE.height_px


def test_up_to_one_per_cent_nothing_is_said() -> None:
    lost = LostArea()
    assert not lost.tell(_PIXELS // 200, _PIXELS // 200, MODE)
    assert lost.note == ""


def test_beyond_it_is_said_once_and_stays_written_until_it_is_clearly_less() -> None:
    lost = LostArea()
    assert lost.tell(_PIXELS // 100, 1, MODE)
    assert lost.note.startswith("1.0% of the sensor can't make a hit: 80 masked pixels and 1 at")
    assert not lost.tell(_PIXELS // 50, 0, MODE)
    assert lost.note.startswith("2.0%")
    assert not lost.tell(_PIXELS * 9 // 1000, 0, MODE)
    assert lost.note
    assert not lost.tell(_PIXELS // 200, 0, MODE)
    assert lost.note == ""
    assert lost.tell(_PIXELS // 50, 0, MODE)


def test_hot_places_count_as_well() -> None:
    assert LostArea().tell(0, _PIXELS // 50, MODE)


def test_a_replay_of_a_sensor_full_of_blinking_pixels_says_so_and_goes_on(tmp_path: Path) -> None:
    frames = dark(200)
    for k in range(75):  # of 1,920 pixels, each at times of its own
        frames[k % 31 :: 31, 5 + k // 25 * 4, 5 + k % 25] += 400
    replayed = replay(in_memory(list(frames)), tmp_path / "hits")
    check_sums(replayed)
    assert replayed.summary["processed"] == 200
    (note,) = replayed.summary["notes"]
    assert "3.9% of the sensor can't make a hit: 75 masked pixels" in note
    sensor = replayed.exposures[-1]["sensor"]
    assert sensor["masked_px"] == 75
    assert sensor["hot_places_px"] == 0


def test_places_that_light_again_are_in_the_exposure_record(tmp_path: Path) -> None:
    frames = dark(700)
    frames[520:640:4, 20, 20] += 400
    replayed = replay(in_memory(list(frames)), tmp_path / "hits", calibration__frames=500)
    assert replayed.summary["rejected"]["hot_pixel"] > 0
    assert replayed.exposures[-1]["sensor"]["hot_places_px"] in (1, 9)
    assert replayed.summary["notes"] == []
