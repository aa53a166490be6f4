"""A replay finds what is there, counts every frame, and writes the same bytes every time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.calibrating import calibrate
from edge.config.load import load_config
from edge.errors import Failed
from edge.frame import SensorMode
from edge.sources import open_recording
from edge.sources.simulated import write_simulation
from simulator import SimulationSpec
from tests.edge.replay_stacks import COUNT, HEIGHT, WIDTH, calm, one_pixel
from tests.edge.stacks import (
    Item,
    MemoryRecording,
    MemorySeries,
    check_sums,
    dark,
    in_memory,
    read,
    replay,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sim") / "recording"
    spec = SimulationSpec(
        width_px=96,
        height_px=80,
        seed=7,
        hits_per_min=3000,
        drop_rate=0.02,
        bad_rate=0.02,
        uncover_at_s=5.0,
        uncover_s=0.5,
    )
    write_simulation(spec, folder, 240)
    return folder


class TestSameBytes:
    def test_again_and_with_any_number_of_workers(self, simulated: Path, tmp_path: Path) -> None:
        first = replay(open_recording(simulated), tmp_path / "first")
        check_sums(first)
        assert first.summary["hits"] > 50
        reasons = first.summary["uncovered_by_reason"]
        assert 10 <= reasons["light"] <= 15  # some of those 15 were lost
        assert 9 <= first.summary["uncovered"] - reasons["light"] <= 30  # 0.3 s are to be dark
        assert min(first.summary["missing"], first.summary["bad"]) > 0
        for workers in (1, 2, 4):
            again = replay(open_recording(simulated), tmp_path / f"{workers}", workers=workers)
            assert again.content == first.content
            assert unhurried(again.summary) == unhurried(first.summary)

    def test_the_place_of_the_recording_changes_nothing(
        self, simulated: Path, tmp_path: Path
    ) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(simulated, moved)
        here = replay(open_recording(simulated), tmp_path / "here")
        assert replay(open_recording(moved), tmp_path / "there").content == here.content

    def test_hits_are_in_the_order_of_their_frames(self, simulated: Path, tmp_path: Path) -> None:
        found = replay(open_recording(simulated), tmp_path / "hits").hits
        frames = [hit["frame"] for hit in found]
        assert frames == sorted(frames)
        assert [hit["seq"] for hit in found] == sorted(hit["seq"] for hit in found)


def unhurried(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key != "frames_per_s"}


FAULTS = st.lists(
    st.tuples(
        st.integers(0, COUNT - 1),
        st.sampled_from(["bad", "missing", "light", "flood", "particle", "pair", "line", "equal"]),
    ),
    max_size=10,
)


def with_faults(faults: list[tuple[int, str]], seed: int) -> list[Item]:
    items: list[Item] = list(dark(COUNT, HEIGHT, WIDTH, seed=seed))
    random = np.random.default_rng(seed)
    for number, fault in faults:
        frame = items[number]
        if not isinstance(frame, np.ndarray):
            continue
        if fault in ("bad", "missing"):
            items[number] = "truncated" if fault == "bad" else None
            continue
        y, x = random.integers(0, HEIGHT), random.integers(0, WIDTH)
        if fault == "light":
            frame += 30_000
        elif fault == "flood":
            frame[::3, ::3] = 3000
        elif fault == "line":
            frame[y, 5:40] = 3000
        elif fault == "equal":
            frame[:] = 100
        else:
            frame[y, x] = 5000
            if fault == "pair":
                frame[(y + 20) % HEIGHT, (x + 20) % WIDTH] = 2000
    return items


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    faults=FAULTS,
    seed=st.integers(0, 5),
    workers=st.integers(2, 5),
    preset=st.sampled_from(["default", "credo"]),
)
def test_whatever_befalls_a_stack_the_sums_hold_and_workers_change_no_byte(
    tmp_path: Path, faults: list[tuple[int, str]], seed: int, workers: int, preset: str
) -> None:
    recording = in_memory(with_faults(faults, seed))
    settings = {"exposure__period_s": 1.0, "trigger__preset": preset}
    alone = replay(recording, tmp_path / "alone", **settings)
    check_sums(alone)
    items = recording.contents[0].items
    # A counter tells what is missing between the first and the last frame alone.
    there = [number for number, item in enumerate(items) if item is not None]
    assert alone.summary["expected"] == there[-1] - there[0] + 1
    assert alone.summary["received"] == len(there)
    shared = replay(recording, tmp_path / "shared", workers=workers, **settings)
    assert shared.content == alone.content
    assert unhurried(shared.summary) == unhurried(alone.summary)


@pytest.mark.parametrize("shape", [(1, 300), (5, 300), (300, 5), (7, 7), (10, 5000)])
def test_frames_of_few_rows_or_columns_are_looked_at_as_any_others(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    stack = dark(80, *shape)
    stack[70, shape[0] // 2, shape[1] // 2] = 900
    done = replay(in_memory(list(stack)), tmp_path / "out")
    check_sums(done)
    assert (done.summary["processed"], done.summary["hits"]) == (80, 1)


class TestCalibrations:
    def test_a_calibration_made_before_finds_the_same_hits(self, tmp_path: Path) -> None:
        stack = dark(40)
        one_pixel(stack, 20)
        stack[33, 5:9, 5:9] += 500
        np.save(tmp_path / "dark.npy", stack)
        made, refused = calibrate(str(tmp_path / "dark.npy"), load_config(), lambda used: None)
        assert refused == 0
        recording = open_recording(tmp_path / "dark.npy")
        own = replay(recording, tmp_path / "own")
        given = replay(recording, tmp_path / "given", calibration=made)
        assert own.summary["calibration_ids"] == given.summary["calibration_ids"] == [made.id]
        assert own.summary["hits"] == 2
        assert without_key(own.hits) == without_key(given.hits)
        assert without_key(own.exposures) == without_key(given.exposures)
        assert own.summary["epoch"] != given.summary["epoch"]

    def test_a_calibration_of_another_mode_is_refused_in_words(self, tmp_path: Path) -> None:
        np.save(tmp_path / "dark.npy", dark(10))
        np.save(tmp_path / "other.npy", dark(10, 20, 20))
        made, _ = calibrate(str(tmp_path / "dark.npy"), load_config(), lambda used: None)
        with pytest.raises(Failed, match="width_px is 20, the calibration's is 48"):
            replay(open_recording(tmp_path / "other.npy"), tmp_path / "out", calibration=made)

    def test_frames_of_no_use_to_a_calibration_are_told_by_reason(self, tmp_path: Path) -> None:
        items: list[Item] = [dark(1, seed=0)[0] + 40_000 for _ in range(3)]
        items += ["truncated", np.full((HEIGHT, WIDTH), 7, np.uint16)]
        with pytest.raises(Failed) as caught:
            replay(in_memory(items), tmp_path / "out")
        assert "0 dark frames are too few" in str(caught.value)
        assert "1 of one value only, 3 too light, 1 truncated (damaged)" in str(caught.value)

    def test_a_series_without_a_calibration_is_accounted_for(self, tmp_path: Path) -> None:
        good, few = in_memory(list(dark(20))).contents[0], list(dark(2, 10, 10))
        items = [few[0], "truncated", None, few[1]]
        short = MemorySeries(items, SensorMode("", 10, 10, 16), "short")
        done = replay(MemoryRecording([short, good]), tmp_path / "out")
        check_sums(done)
        assert done.summary["missing"] == 1
        assert (done.summary["calibrating"], done.summary["processed"]) == (2, 20)
        assert done.summary["bad_by_reason"] == {"truncated": 1}
        (note,) = done.result.notes
        assert note.startswith("series 'short': 2 dark frames are too few")
        first, second = done.exposures
        assert first["live_time_ns"] == 0
        assert second["live_time_ns"] == 20 * 90_000_000


def without_key(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in message.items() if key not in ("epoch", "id")}
        for message in messages
    ]


class TestEpoch:
    @pytest.fixture
    def recording(self, tmp_path: Path) -> Any:
        np.save(tmp_path / "dark.npy", dark(12))
        return open_recording(tmp_path / "dark.npy")

    @pytest.mark.parametrize(
        "change",
        [
            {"veto__edge_px": 1},
            {"hold__frames": 2},
            {"crop__size_px": 32},
            {"calibration__frames": 10},
            {"exposure__period_s": 30.0},
            {"position__latitude_deg": 50.0, "position__longitude_deg": 20.0},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_it_changes_with_what_changes_messages(
        self, recording: Any, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        plain = replay(recording, tmp_path / "plain").summary["epoch"]
        assert replay(recording, tmp_path / "other", **change).summary["epoch"] != plain

    @pytest.mark.parametrize(
        "change",
        [{"workers": 3}, {"broker__url": "mqtt://elsewhere"}, {"outbox__group_commit_s": 0.5}],
        ids=lambda change: next(iter(change)),
    )
    def test_it_does_not_change_with_what_changes_none(
        self, recording: Any, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        plain = replay(recording, tmp_path / "plain").summary["epoch"]
        assert replay(recording, tmp_path / "other", **change).summary["epoch"] == plain

    def test_it_changes_with_one_pixel_of_the_recording(
        self, recording: Any, tmp_path: Path
    ) -> None:
        plain = replay(recording, tmp_path / "plain").summary["epoch"]
        stack = dark(12)
        stack[3, 4, 5] += 1
        np.save(tmp_path / "dark.npy", stack)
        other = open_recording(tmp_path / "dark.npy")
        assert replay(other, tmp_path / "other").summary["epoch"] != plain


class TestStop:
    def test_what_was_read_until_then_is_settled(self, tmp_path: Path) -> None:
        stop = threading.Event()
        stack = dark(60)
        for number in range(0, 60, 7):
            one_pixel(stack, number, at=(number % 40, (number * 5) % 48))
        recording = in_memory(list(stack))
        series = recording.contents[0]
        whole = replay(recording, tmp_path / "whole", calibration=calm())

        class Interrupted(MemorySeries):
            def frames(self, start: int = 0, stop_at: int | None = None) -> Any:
                for frame in super().frames(start, stop_at):
                    if frame.index == 30:
                        stop.set()
                    yield frame

        cut = MemoryRecording([Interrupted(series.items, series.mode)])
        done = replay(cut, tmp_path / "cut", calibration=calm(), stop=stop)
        check_sums(done)
        assert done.result.interrupted
        assert done.summary["interrupted"] is True
        assert done.summary["processed"] == 30
        assert done.hits == [hit for hit in whole.hits if hit["frame"] < 30]

    def test_before_the_first_frame_nothing_is_found_and_nothing_fails(
        self, tmp_path: Path
    ) -> None:
        stop = threading.Event()
        stop.set()
        done = replay(in_memory(list(dark(9))), tmp_path / "out", stop=stop)
        assert done.result.interrupted
        assert (done.summary["expected"], done.hits, done.exposures) == (0, [], [])

    def test_ctrl_c_amid_a_long_replay_ends_with_its_summary(self, tmp_path: Path) -> None:
        stack = dark(60, 120, 160)
        for number in range(60):
            one_pixel(stack, number, at=(number, number * 2))
        np.save(tmp_path / "long.npy", np.concatenate([stack] * 40))
        out = tmp_path / "hits.jsonl"
        process = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, "replay", "long.npy", "--json", "--out", str(out)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == 1, process.stderr
        assert process.stderr == ""
        summary = json.loads(process.stdout)
        assert summary["interrupted"] is True
        assert 700 <= summary["processed"] < 2400
        hits, records, _ = read(out)
        assert summary["hits"] == len(hits) == sum(record["hits"] for record in records)
        assert summary["processed"] == sum(record["frames"]["processed"] for record in records)
        assert summary["candidates"] == summary["hits"] + sum(summary["rejected"].values())
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "hits.jsonl",
            "hits.jsonl.exposure.jsonl",
            "long.npy",
        ]


INTERRUPTED = """
import os, signal, sys
from edge import sources
from edge.cli.main import main
from edge.sources.members import FileSeries

frames = FileSeries.frames
def interrupted(self, start=0, stop=None):
    for frame in frames(self, start, stop):
        if frame.index == 700:  # beyond those that calibrate
            os.kill(os.getpid(), signal.SIGINT)
        yield frame
FileSeries.frames = interrupted
sys.exit(main())
"""


"""The command with a Ctrl-C at a frame that is always the same."""
