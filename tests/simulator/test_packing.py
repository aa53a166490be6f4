"""Packed rows: what is packed comes out again, by the layout that receivers use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.pixels.unpack import packed_width_bytes, unpack
from simulator import SimulationSpec
from simulator.packing import pack


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["mipi10", "mipi12", "mipi14"]),
    st.integers(1, 40),
    st.integers(1, 5),
    st.sampled_from([1, 4, 32, 64]),
    st.integers(0, 2**32),
)
def test_what_is_packed_is_unpacked_to_the_same(packing, width, height, align, seed):
    depth = int(packing[4:])
    pixels = np.random.default_rng(seed).integers(0, 1 << depth, (height, width), dtype=np.uint16)
    packed = pack(pixels, packing, align)
    assert packed.dtype == np.uint8
    assert packed.shape[1] % align == 0
    assert 0 <= packed.shape[1] - packed_width_bytes(width, packing) < align
    assert np.array_equal(unpack(packed, width, packing), pixels)


def test_a_group_of_raw10_lies_as_the_standard_says():
    pixels = np.array([[0x3FF, 0x001, 0x202, 0x0FC]], dtype=np.uint16)
    # High bytes, then the low bits: 3, 1, 2, 0 from the least significant on.
    assert pack(pixels, "mipi10").tolist() == [[0xFF, 0x00, 0x80, 0x3F, 0b00_10_01_11]]


def test_padding_is_no_pixel():
    packed = pack(np.zeros((2, 4), np.uint16), "mipi10", 32)
    assert packed.shape == (2, 32)
    assert packed[:, 5:].all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"packing": "mipi12"}, "packing mipi12 does not hold 10 bits"),
        ({"packing": "raw"}, "packing must be one of"),
        ({"cfa": "RGB"}, "cfa must be one of"),
        ({"route": "phone"}, "route phone needs a cfa"),
        ({"route": "phone", "cfa": "RGGB", "packing": "mipi10"}, "packing none"),
        ({"sensor": "x" * 300}, "sensor must be at most 256 characters"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        SimulationSpec(**values)
