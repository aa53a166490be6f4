"""One exchange with a server that lies, repeats itself, or sends nonsense."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import boottime_ns
from edge.clock.disturbance import SLEWED, SUSPENDED, Disturbance, undisturbed
from edge.clock.exchange import Address, Rejected, Sample, exchange
from tests.edge.clock.rig import reply, truth_ns

S = 1_000_000_000


@contextmanager
def sending(packets: Callable[[bytes], list[bytes]]) -> Iterator[Address]:
    """A server that answers one question with several packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        endpoint.settimeout(0.05)
        done = threading.Event()

        def run() -> None:
            while not done.is_set():
                with suppress(TimeoutError):
                    data, peer = endpoint.recvfrom(256)
                    for packet in packets(data):
                        endpoint.sendto(packet, peer)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield Address(socket.AF_INET, endpoint.getsockname())
        finally:
            done.set()
            thread.join()


def test_packets_that_answer_another_question_cost_nothing():
    old = reply(b"\0" * 48, shift_s=9)

    def answers(data: bytes) -> list[bytes]:
        return [old, b"", b"nonsense", reply(data, origin=b"\1" * 8, shift_s=9), reply(data)]

    with sending(answers) as address:
        sample = exchange(address, 2.0)
    assert abs(sample.offset_ns - truth_ns()) <= sample.bound_s * S


def test_only_strays_are_said_to_be_such_after_the_whole_wait():
    with sending(lambda data: [reply(data, origin=b"\1" * 8)]) as address:
        begun = time.monotonic()
        with pytest.raises(Rejected, match="not to our question"):
            exchange(address, 0.3)
        assert 0.25 < time.monotonic() - begun < 2


def test_a_flood_of_strays_ends_with_the_wait():
    with sending(lambda data: [reply(data, origin=b"\1" * 8)] * 3000) as address:
        begun = time.monotonic()
        with pytest.raises(Rejected):
            exchange(address, 0.3)
        assert time.monotonic() - begun < 2


@settings(max_examples=200, deadline=None)
@given(
    first=st.integers(0, 255),
    stratum=st.integers(0, 255),
    precision=st.integers(-128, 127),
    root=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    times=st.tuples(*[st.one_of(st.integers(0, 2**64 - 1), st.none())] * 2),
    length=st.sampled_from([0, 1, 47, 48, 49, 68, 500]),
)
def test_whatever_a_server_sends_is_a_time_within_its_bound_or_a_reason(
    server, first, stratum, precision, root, times, length
):
    """Where both of its times are true, the bound holds whatever else it says."""

    def answer(data: bytes) -> list[bytes]:
        now = int((time.time() + 2_208_988_800) * 2**32) % 2**64
        packet = struct.pack(">BBbbII4s", first, stratum, 6, precision, *root, b"\xff\0RA")
        packet += struct.pack(">Q", now) + data[40:48]
        packet += struct.pack(">QQ", *(now if one is None else one for one in times))
        return [(packet + b"\0" * 500)[:length]]

    address, say = server
    say(answer)
    sample, why = None, ""
    try:
        sample = exchange(address, 0.02)
    except Rejected as error:
        why = str(error)
    if sample is None:
        assert why
        return
    assert 0 <= sample.bound_s < 40
    assert sample.delay_s >= 0
    if times == (None, None):
        assert abs(sample.offset_ns - truth_ns()) <= sample.bound_s * S + 1_000


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Address, Callable[[Callable[[bytes], list[bytes]]], None]]]:
    said: list[Callable[[bytes], list[bytes]]] = [lambda _data: []]

    def say(what: Callable[[bytes], list[bytes]]) -> None:
        said[0] = what

    def answers(data: bytes) -> list[bytes]:
        return said[0](data)

    with sending(answers) as address:
        yield address, say


def test_an_exchange_in_which_boot_time_was_pushed_is_worth_that_much_less():
    sample = Sample(100 * S, 5, 0.01, 0.01, 2)
    before = Disturbance(50 * S, 90 * S, 0.5, SLEWED)
    pushed = Disturbance(96 * S, 98 * S, 0.3, SLEWED)
    assert undisturbed(sample, 95 * S, [before]) == sample
    found = undisturbed(sample, 95 * S, [before, pushed])
    assert found is not None
    assert found.bound_s == pytest.approx(0.31)


def test_an_exchange_that_slept_is_thrown_away():
    sample = Sample(boottime_ns(), 5, 0.01, 0.01, 2)
    slept = Disturbance(sample.boot_ns - S, sample.boot_ns + 1, 1.1, SUSPENDED)
    assert undisturbed(sample, sample.boot_ns - 2 * S, [slept]) is None
