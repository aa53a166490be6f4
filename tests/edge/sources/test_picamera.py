from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from edge.errors import BadUse, Failed
from edge.frame import BadFrame, Frame
from edge.sources import open_source
from edge.sources.capture import Capture
from edge.sources.picamera import PicameraOptions, PicameraSource, open_picamera
from edge.sources.raw_format import parse_raw_format, unpacked_name
from edge.sources.retry import Backoff
from tests.edge.sources.picamera2_double import FIRST_STAMP_NS, Hardware, pack12


def source_on(hardware: Hardware, timeout_s: float = 5.0, **options: object) -> PicameraSource:
    wanted = PicameraOptions(**{"exposure_ms": 50.0, "gain": 4.0, **options})  # type: ignore[arg-type]
    return PicameraSource(wanted, hardware.module, Backoff(0.001, 0.002), timeout_s)


def take(source: PicameraSource, count: int, release: bool = True) -> list[Frame]:
    frames = []
    for frame in islice(source.frames(), count):
        assert isinstance(frame, Frame)
        frames.append(frame)
        if release:
            give_back(frame)
    return frames


def give_back(frame: Frame) -> None:
    assert frame.release is not None
    frame.release()


def test_unpacked_raw_is_asked_for_with_fixed_exposure_and_gain() -> None:
    hardware = Hardware()
    source_on(hardware).close()
    assert hardware.requested["raw"] == {"format": "SRGGB12", "size": (50, 20)}
    controls = hardware.requested["controls"]
    assert (controls["AeEnable"], controls["AwbEnable"]) == (False, False)
    assert (controls["ExposureTime"], controls["AnalogueGain"]) == (50_000, 4.0)
    assert controls["FrameDurationLimits"][0] == 50_000
    assert hardware.requested["buffer_count"] == 6


def test_pixels_are_a_view_of_the_cameras_buffer_without_padding() -> None:
    hardware = Hardware()
    frames = source_on(hardware).frames()
    frame = next(frames)
    assert isinstance(frame, Frame)
    assert frame.pixels.dtype == np.uint16
    assert frame.pixels.strides == (128, 2)  # 100 bytes of a row lie 128 apart
    np.testing.assert_array_equal(frame.pixels, hardware.pixels(0, 50, 20, 12))
    assert not frame.pixels.flags.writeable
    assert frame.pixels.base is not None
    assert hardware.released == 0
    give_back(frame)
    assert hardware.released == 1
    assert (frame.pixels == 0xEEEE).all()  # it was the buffer itself


def test_the_mode_is_what_the_camera_granted() -> None:
    source = source_on(Hardware())
    assert source.mode is None
    (frame,) = take(source, 1)
    mode = frame.mode
    assert source.mode == mode
    assert (mode.sensor, mode.width_px, mode.height_px) == ("imx477", 50, 20)
    assert (mode.bit_depth, mode.cfa, mode.packing) == (12, "RGGB", "none")
    assert (mode.exposure_ns, mode.frame_duration_ns) == (50_000_000, 50_600_000)
    assert (mode.gain, mode.black_level_adu) == (4.0, 256.0)  # 4096 at 16 bits
    assert mode.row_time_ns == 20_000_000 // 20
    assert mode.pixel_pitch_um == 1.55
    assert mode.sensor_clock
    assert frame.temperature_c == 31.5


def test_binned_pixels_are_as_large_as_they_are() -> None:
    (frame,) = take(source_on(Hardware(), mode="24x10"), 1)
    assert frame.pixels.shape == (10, 24)
    assert frame.mode.pixel_pitch_um == pytest.approx(3.1)


def test_a_global_shutter_has_no_row_time() -> None:
    (frame,) = take(source_on(Hardware(model="imx296", sensor_format="R10")), 1)
    assert frame.mode.row_time_ns == 0
    assert (frame.mode.cfa, frame.mode.bit_depth) == (None, 10)


def test_a_pi_5_grants_16_bits_with_samples_shifted_up() -> None:
    hardware = Hardware(platform="pisp")
    (frame,) = take(source_on(hardware), 1, release=False)
    assert (frame.mode.bit_depth, frame.mode.black_level_adu) == (16, 4096.0)
    np.testing.assert_array_equal(frame.pixels, hardware.pixels(0, 50, 20, 12) << 4)


def test_lossy_compression_is_refused_in_one_line() -> None:
    hardware = Hardware(platform="pisp", always="RGGB_PISP_COMP1")
    with pytest.raises(Failed) as caught:
        source_on(hardware)
    assert "grants only RGGB_PISP_COMP1, which is lossy" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert hardware.open == 0


def test_packed_rows_are_handed_on_as_the_bytes_they_are() -> None:
    hardware = Hardware(always="SRGGB12_CSI2P")
    (frame,) = take(source_on(hardware), 1, release=False)
    assert (frame.mode.packing, frame.mode.bit_depth) == ("mipi12", 12)
    assert frame.mode.width_px == 50
    np.testing.assert_array_equal(frame.pixels, pack12(hardware.pixels(0, 50, 20, 12)))


def test_8_bit_raw_stays_8_bits() -> None:
    hardware = Hardware(sensor_format="SBGGR8", model="ov5647")
    (frame,) = take(source_on(hardware), 1, release=False)
    assert frame.pixels.dtype == np.uint8
    assert (frame.mode.bit_depth, frame.mode.cfa) == (8, "BGGR")
    np.testing.assert_array_equal(frame.pixels, hardware.pixels(0, 50, 20, 8))


def test_the_sensor_time_is_the_start_of_the_first_rows_exposure() -> None:
    first, second = take(source_on(Hardware()), 2)
    assert first.sensor_time_ns == FIRST_STAMP_NS + 50_600_000 - 50_000_000
    assert second.sensor_time_ns == first.sensor_time_ns + 50_600_000
    assert first.exposure_ns == 50_000_000
    assert first.utc_ns is None


def test_frames_that_never_came_are_a_gap_of_the_sequence() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    frames = source.frames()
    sequences = []
    for lost in (0, 0, 3, 1, 0):
        hardware.current.tick(lost)
        hardware.clock_ns += 2_000_000  # time stamps jitter
        frame = next(frames)
        assert isinstance(frame, Frame)
        give_back(frame)
        sequences.append(frame.sequence)
    # Of those nobody asked for picamera2 keeps the newest, which is then the next frame.
    assert sequences == [0, 1, 4, 5, 6]


def test_every_request_is_given_back_once() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    take(source, 20)
    source.close()
    assert hardware.acquired == hardware.released == 20
    assert hardware.open == 0


def test_giving_back_twice_does_no_harm() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    for frame in take(source, 6):
        give_back(frame)
    assert hardware.released == 6


def test_a_loop_that_holds_many_frames_gets_copies_and_the_camera_goes_on() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    held = take(source, 20, release=False)
    assert [frame.sequence for frame in held] == list(range(20))
    for number, frame in enumerate(held):
        np.testing.assert_array_equal(frame.pixels, hardware.pixels(number, 50, 20, 12))
    assert hardware.lost == 0
    assert hardware.acquired - hardware.released == 4  # two of six buffers are never lent
    for frame in held:
        give_back(frame)
    assert hardware.acquired == hardware.released


def test_the_camera_closes_when_the_last_lease_is_back() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    frames = source.frames()
    held = [frame for frame in islice(frames, 2) if isinstance(frame, Frame)]
    source.close()
    assert list(frames) == []
    assert hardware.open == 1
    np.testing.assert_array_equal(held[0].pixels, hardware.pixels(0, 50, 20, 12))
    give_back(held[0])
    assert hardware.open == 1
    give_back(held[1])
    assert hardware.open == 0


def test_frames_before_the_exposure_took_effect_are_left_out() -> None:
    source = source_on(Hardware(settling=3))
    frames = take(source, 2)
    assert [frame.exposure_ns for frame in frames] == [50_000_000, 50_000_000]
    assert frames[0].sequence == 0
    assert source.faults["settling"] == 3


def test_a_camera_that_never_settles_is_used_as_it_is() -> None:
    (frame,) = take(source_on(Hardware(settling=10_000)), 1)
    assert frame.exposure_ns == frame.mode.exposure_ns == 25_000_000


def test_a_sensor_without_thermometer_has_no_temperature() -> None:
    (frame,) = take(source_on(Hardware(temperature=None)), 1)
    assert frame.temperature_c is None


def test_a_camera_that_hangs_is_opened_anew_and_the_outage_is_a_gap() -> None:
    hardware = Hardware()
    source = source_on(hardware, timeout_s=0.02)
    frames = source.frames()
    first = next(frames)
    assert isinstance(first, Frame)
    give_back(first)
    hardware.hangs = True

    def recover() -> None:
        while hardware.opened < 2:
            time.sleep(0.001)
        hardware.clock_ns += 10 * 50_600_000
        hardware.hangs = False

    threading.Thread(target=recover).start()
    second = next(frames)
    assert isinstance(second, Frame)
    assert second.sequence == 11
    assert source.faults["timeout"] >= 1
    assert source.faults["restarted"] >= 1
    give_back(second)


def test_a_camera_that_never_answers_again_ends_the_source() -> None:
    hardware = Hardware(hangs=True)
    source = source_on(hardware, timeout_s=0.005)
    with pytest.raises(Failed, match=r"no frame after 3 restarts.*cable and power"):
        next(source.frames())
    assert source.faults["restarted"] == 3
    assert hardware.open == 0


def test_a_buffer_that_cannot_be_read_is_a_bad_frame_and_is_given_back() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    frames = source.frames()
    hardware.current.tick()
    hardware.current._completed[0]._buffer = np.zeros((3, 3), np.uint8)
    bad = next(frames)
    assert isinstance(bad, BadFrame)
    assert bad.reason == "unreadable"
    assert hardware.acquired == hardware.released == 1
    assert isinstance(next(frames), Frame)


def test_close_wakes_a_capture_that_waits() -> None:
    hardware = Hardware(hangs=True)
    source = source_on(hardware, timeout_s=30)
    capture = Capture(source)
    capture.start()
    time.sleep(0.05)
    begun = time.monotonic()
    assert capture.stop()
    assert time.monotonic() - begun < 1
    assert hardware.open == 0


def test_in_a_capture_the_ring_never_starves_the_camera() -> None:
    hardware = Hardware()
    with Capture(source_on(hardware), depth=8) as capture:
        items = islice(capture, 50)
        received = 0
        for item in items:
            if isinstance(item, Frame):
                received += 1
                give_back(item)
    assert received > 0
    assert hardware.lost == 0
    assert hardware.open == 0
    assert hardware.acquired == hardware.released


def test_closed_before_it_was_read_it_gives_the_camera_back() -> None:
    hardware = Hardware()
    source = source_on(hardware)
    source.close()
    source.close()
    assert hardware.open == 0
    assert list(source.frames()) == []


@pytest.fixture
def without_picamera2() -> Iterator[None]:
    try:
        import picamera2  # noqa: F401
    except ImportError:
        yield
    else:
        pytest.skip("picamera2 is installed here")


@pytest.mark.usefixtures("without_picamera2")
def test_without_picamera2_one_line_says_what_to_install() -> None:
    with pytest.raises(Failed, match="sudo apt install python3-picamera2"):
        open_source("picamera:")


def test_no_such_camera_is_told() -> None:
    with pytest.raises(Failed, match="there is no camera 1; 1 connected"):
        source_on(Hardware(), camera=1)


def test_a_camera_in_use_is_told() -> None:
    with pytest.raises(Failed, match="is another program using it"):
        source_on(Hardware(in_use=True))


def test_a_mode_the_sensor_lacks_names_the_nearest() -> None:
    hardware = Hardware()
    with pytest.raises(Failed, match="has no mode 30x12; the nearest is mode=24x10"):
        source_on(hardware, mode="30x12")
    assert hardware.open == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"exposure": "100"}, 'did you mean "exposure_ms"'),
        ({"exposure_ms": "0"}, "exposure_ms must be above 0"),
        ({"gain": "0.5"}, "gain 1 or more"),
        ({"mode": "big"}, "expected such as 2028x1520"),
        ({"buffers": "2"}, "buffers 4 or more"),
    ],
)
def test_options_are_checked(options: dict[str, str], why: str) -> None:
    with pytest.raises(BadUse, match=why):
        open_picamera(options, Hardware().module)


@pytest.mark.parametrize(
    ("name", "bits", "expected"),
    [
        ("SRGGB12_CSI2P", None, "SRGGB12"),
        ("SBGGR10_CSI2P", 8, "SBGGR8"),
        ("R10_CSI2P", None, "R10"),
        ("RGGB_PISP_COMP1", None, "SRGGB12"),
        ("MONO_PISP_COMP1", None, "R12"),
        ("GBRG16_PISP_COMP1", None, "SGBRG16"),
    ],
)
def test_the_unpacked_format_of_a_sensor(name: str, bits: int | None, expected: str) -> None:
    assert unpacked_name(name, bits) == expected
    parse_raw_format(expected)


@pytest.mark.parametrize("name", ["YUV420", "SRGGB9", "RGGB_PISP_COMP1", ""])
def test_what_is_no_plain_raw_format_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown raw format"):
        parse_raw_format(name)
