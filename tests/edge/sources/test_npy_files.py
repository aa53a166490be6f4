from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.errors import Failed
from edge.frame import Frame
from edge.sources import open_recording
from tests.edge.sources.reading import only_series, outline, stack


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    hnp.arrays(
        st.sampled_from(["u1", "<u2", ">u2"]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=6),
    ),
    st.booleans(),
)
def test_a_stack_is_read_back_as_written(
    tmp_path: Path, values: NDArray[np.uint16], column_major: bool
) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.asfortranarray(values) if column_major else values)
    series = only_series(path)
    expected = values if values.ndim == 3 else values[None]
    assert series.mode.bit_depth == 8 * values.dtype.itemsize
    np.testing.assert_array_equal(stack(series), expected)
    assert outline(series) == ["ok"] * len(expected)


def test_frames_are_views_of_the_map_not_copies(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.zeros((3, 4, 5), np.uint16))
    (frame, *_) = only_series(path).frames()
    assert isinstance(frame, Frame)
    assert isinstance(frame.pixels.base, np.memmap)


def test_a_part_can_be_read_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.arange(10, dtype=np.uint8).repeat(6).reshape(10, 2, 3))
    series = only_series(path)
    for _ in range(2):
        part = list(series.frames(3, 6))
        assert [frame.index for frame in part] == [3, 4, 5]
        assert [int(f.pixels[0, 0]) for f in part if isinstance(f, Frame)] == [3, 4, 5]
    assert list(series.frames(10)) == []
    assert len(list(series.frames(8, 99))) == 2


def test_bool_and_whole_float_stacks_are_counts(tmp_path: Path) -> None:
    np.save(tmp_path / "bool.npy", np.eye(3, dtype=bool))
    np.save(tmp_path / "float.npy", np.full((2, 3, 3), 4095.0))
    assert stack(only_series(tmp_path / "bool.npy")).dtype == np.uint8
    series = only_series(tmp_path / "float.npy")
    assert series.mode.conversion == ""
    assert stack(series).max() == 4095


def test_a_frame_with_nan_is_bad_and_the_others_are_read(tmp_path: Path) -> None:
    values = np.full((4, 3, 3), 10.0)
    values[0, 1, 1] = np.nan
    values[2, 0, 0] = np.inf
    np.save(tmp_path / "f.npy", values)
    assert outline(only_series(tmp_path / "f.npy")) == ["not_finite", "ok", "not_finite", "ok"]


def test_equal_frames_are_fine(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.zeros((3, 3, 3), np.uint16))
    assert outline(only_series(tmp_path / "f.npy")) == ["ok"] * 3


def test_a_stack_that_was_cut_off_keeps_its_whole_frames(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.zeros((4, 10, 10), np.uint16))
    path.write_bytes(path.read_bytes()[: -2 * 200 + 10])
    recording = open_recording(path)
    assert outline(recording.series()[0]) == ["ok", "ok", "truncated", "truncated"]
    assert recording.warnings == ("stack.npy: cut off: 2 of 4 frames are missing",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.zeros((2, 2, 2, 2), np.uint8), "expected (h, w) or (n, h, w)"),
        (np.zeros(5, np.uint8), "expected (h, w) or (n, h, w)"),
        (np.zeros((2, 2), np.complex64), "expected numbers"),
        (np.zeros((0, 2, 2), np.uint8), "holds no frame"),
        (np.zeros((3, 0, 2), np.uint8), "says 2x0 pixels"),
        (np.zeros((1, 70_000), np.uint8), "says 70000x1 pixels"),
    ],
)
def test_what_is_no_stack_is_refused_in_one_line(
    tmp_path: Path, values: NDArray[np.generic], why: str
) -> None:
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(Failed) as caught:
        open_recording(tmp_path / "x.npy")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"no npy at all", b"\x93NUMPY\x01\x00v\x00{"]
)
def test_a_damaged_header_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(Failed, match=r"x\.npy: isn't a whole \.npy file"):
        open_recording(tmp_path / "x.npy")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(Failed, match="holds object"):
        open_recording(tmp_path / "x.npy")
