from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.sources.counts import Conversion, decide
from edge.sources.files import Fault
from edge.sources.luma import luma


def counts(values: NDArray[np.generic]) -> NDArray[np.generic]:
    conversion = decide(values)
    assert conversion is not None
    pixels = conversion.apply(values)
    assert not isinstance(pixels, Fault), pixels
    return pixels


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2"])
def test_unsigned_bytes_and_words_are_counts_already(dtype: str) -> None:
    values = np.array([[0, 7], [200, 255]], dtype)
    pixels = counts(values)
    assert pixels.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(pixels, values)


def test_bool_becomes_zero_and_one() -> None:
    pixels = counts(np.array([[True, False]]))
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[1, 0]]


@pytest.mark.parametrize("dtype", ["int8", "int16", ">i2", "int32", "int64", "uint32", "float32"])
def test_whole_numbers_in_range_stay_what_they_are(dtype: str) -> None:
    values = np.array([[0, 1], [100, 127]], dtype)
    pixels = counts(values)
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, values)
    assert decide(values) == Conversion()


def test_negative_values_get_an_offset_that_is_stated() -> None:
    values = np.array([[-12, 0], [5, 300]], np.int16)
    conversion = decide(values)
    assert conversion is not None
    assert conversion.label == "offset+1024"
    np.testing.assert_array_equal(conversion.apply(values), values + 1024)


def test_the_offset_leaves_room_for_darker_frames() -> None:
    conversion = decide(np.array([[-1000, 40]], np.int16))
    assert conversion is not None
    assert conversion.offset_adu == 4096


def test_the_whole_signed_range_is_moved_without_loss() -> None:
    values = np.array([[-32768, -1], [0, 32767]], np.int16)
    assert counts(values).tolist() == [[0, 32767], [32768, 65535]]


def test_a_frame_darker_than_the_offset_allows_is_a_fault() -> None:
    fault = Conversion(offset_adu=1024).apply(np.array([[-1025, 0]], np.int16))
    assert isinstance(fault, Fault)
    assert fault.reason == "negative"


def test_fractions_are_rounded_and_it_is_stated() -> None:
    values = np.array([[0.4, 1.5], [2.5, 1000.6]], np.float32)
    conversion = decide(values)
    assert conversion is not None
    assert conversion.label == "rounded"
    assert counts(values).tolist() == [[0, 2], [2, 1001]]


def test_a_normalised_image_is_stretched_not_rounded_away() -> None:
    values = np.array([[0.0, 0.25], [0.5, 1.0]])
    conversion = decide(values)
    assert conversion is not None
    assert conversion.label == "scaled*65535+rounded"
    assert counts(values).tolist() == [[0, 16384], [32768, 65535]]


def test_fractions_in_a_series_of_whole_numbers_are_a_fault() -> None:
    fault = Conversion().apply(np.array([[1.0, 2.25]]))
    assert isinstance(fault, Fault)
    assert fault.reason == "not_integer"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_a_fault(bad: float) -> None:
    values = np.array([[1.0, bad]])
    assert decide(values) is None
    fault = Conversion(rounds=True).apply(values)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.detail) == ("not_finite", "1 pixels are NaN or infinite")


@pytest.mark.parametrize("values", [np.array([[70_000]]), np.array([[65536.0]])])
def test_values_above_16_bits_are_a_fault_never_wrapped(values: NDArray[np.generic]) -> None:
    fault = Conversion().apply(values)
    assert isinstance(fault, Fault)
    assert fault.reason == "out_of_range"


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["i1", "<i2", ">i2", "<i4", "u4", "u2", "u1", "<f4", ">f8"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
        elements=st.integers(0, 127),
    )
)
def test_any_dtype_keeps_small_whole_numbers(values: NDArray[np.generic]) -> None:
    np.testing.assert_array_equal(counts(values), values)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays("<i2", (3, 4)))
def test_what_fits_comes_back_by_taking_the_offset_off(values: NDArray[np.int16]) -> None:
    conversion = decide(values)
    assert conversion is not None
    pixels = conversion.apply(values)
    if isinstance(pixels, Fault):
        assert int(values.max()) + conversion.offset_adu > 65535
    else:
        np.testing.assert_array_equal(pixels.astype(int) - conversion.offset_adu, values)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(st.sampled_from(["u1", "u2"]), (3, 2, 4)))
def test_luma_is_bt601_rounded_half_up(planes: NDArray[np.generic]) -> None:
    red, green, blue = (plane.astype(object) for plane in planes)
    exact = (299 * red + 587 * green + 114 * blue + 500) // 1000
    result = luma(*planes)
    assert result.dtype == planes.dtype
    np.testing.assert_array_equal(result, exact.astype(planes.dtype))
    assert (luma(planes[0], planes[0], planes[0]) == planes[0]).all()
