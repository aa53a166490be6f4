"""Asking one server: its addresses, its era, its refusals."""

from __future__ import annotations

import socket
import struct
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock.era import FLOOR_S, unix_ns
from edge.clock.exchange import Rejected
from edge.clock.polling import Polling
from edge.clock.server import Server
from tests.edge.clock.rig import chronyd, free_port, reply, serving, truth_ns

UNIX = 2_208_988_800


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name lead to these addresses; the list tells which names were looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_every_address_is_tried_and_the_one_that_answers_is_kept(monkeypatch):
    asked = names(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.4")
    with serving(reply, "127.0.0.3") as address:
        server = Server("many.example", int(address.split(":")[1]))
        for _ in range(3):
            assert server.ask(2.0).address == "127.0.0.3"
    assert asked == ["many.example"]  # not again while it answers
    with serving(reply, "127.0.0.4", server.port):
        assert server.ask(2.0).address == "127.0.0.4"
    assert len(asked) == 2
    with pytest.raises(Rejected):
        server.ask(0.1)
    assert server.address is None


def test_address_that_denies_is_never_asked_again(monkeypatch):
    names(monkeypatch, "127.0.0.2", "127.0.0.3")
    questions = []

    def deny(data: bytes) -> bytes:
        questions.append(data)
        return reply(data, stratum=0, ref_id=b"DENY")

    with serving(deny, "127.0.0.2") as address:
        server = Server("many.example", int(address.split(":")[1]))
        with serving(reply, "127.0.0.3", server.port):
            assert server.ask(2.0).address == "127.0.0.3"
        server.address = None
        with pytest.raises(Rejected):
            server.ask(0.1)
        with serving(lambda data: reply(data, stratum=0, ref_id=b"RSTR"), "127.0.0.3", server.port):
            with pytest.raises(Rejected, match="RSTR"):
                server.ask(2.0)
            with pytest.raises(Rejected, match="all its addresses told us to stay away"):
                server.ask(2.0)
    assert len(questions) == 1
    assert {str(one) for one in server.denied} == {"127.0.0.2", "127.0.0.3"}


def test_rate_kiss_ends_the_round(monkeypatch):
    names(monkeypatch, "127.0.0.2", "127.0.0.3")
    with serving(lambda data: reply(data, stratum=0, ref_id=b"RATE"), "127.0.0.2") as address:
        port = int(address.split(":")[1])
        with serving(reply, "127.0.0.3", port), pytest.raises(Rejected, match="RATE"):
            Server("many.example", port).ask(2.0)


def test_server_of_ipv6_is_asked(tmp_path):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    port = free_port()
    with chronyd(tmp_path, port, address="::1"):
        sample = Server("::1", port).ask(1.0)
    assert abs(sample.offset_ns - truth_ns()) * 1e-9 < sample.bound_s


def test_step_of_the_wall_clock_during_an_exchange_changes_nothing(tmp_path, monkeypatch):
    port, truth = free_port(), truth_ns()
    with chronyd(tmp_path, port):
        behind = iter(range(10**15, 10**18, 10**15))
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() - next(behind))
        monkeypatch.setattr(time, "time", lambda: (real() - next(behind)) * 1e-9)
        sample = Server("127.0.0.1", port).ask(1.0)
        monkeypatch.undo()
    assert abs(sample.offset_ns - truth) < 5_000_000


def test_late_answer_to_an_earlier_question_is_refused():
    earlier: list[bytes] = []

    def late(data: bytes) -> bytes:
        earlier.append(data)
        return reply(earlier[0])

    with serving(late) as address:
        server = Server("127.0.0.1", int(address.split(":")[1]))
        server.ask(2.0)
        with pytest.raises(Rejected, match="not to our question"):
            server.ask(2.0)


def test_questions_do_not_tell_our_clock():
    seen: list[bytes] = []

    def keep(data: bytes) -> bytes:
        seen.append(data)
        return reply(data)

    with serving(keep) as address:
        for _ in range(20):
            Server("127.0.0.1", int(address.split(":")[1])).ask(2.0)
    times = [struct.unpack_from(">I", data, 40)[0] - UNIX for data in seen]
    assert len(set(times)) > 15
    assert not any(abs(one - time.time()) < 3600 for one in times)


# -- era -------------------------------------------------------------------------------------


def wire(moment: datetime) -> int:
    return ((int(moment.timestamp()) + UNIX) << 32) % 2**64


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC),
        datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC),
        datetime(2036, 2, 8, tzinfo=UTC),
        datetime(2100, 1, 1, tzinfo=UTC),
        datetime(2025, 2, 1, tzinfo=UTC),
    ],
)
def test_era_is_the_first_after_the_program_was_made(moment):
    assert unix_ns(wire(moment)) == int(moment.timestamp()) * 10**9


def test_later_floor_moves_the_window_on():
    floor = int(datetime(2120, 1, 1, tzinfo=UTC).timestamp())
    moment = datetime(2190, 5, 1, tzinfo=UTC)
    assert unix_ns(wire(moment), floor) == int(moment.timestamp()) * 10**9


def test_time_before_the_program_is_refused():
    with pytest.raises(ValueError, match="before this program was made"):
        unix_ns(wire(datetime(2001, 1, 1, tzinfo=UTC)))


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_no_timestamp_is_dated_before_the_floor(timestamp):
    try:
        found = unix_ns(timestamp)
    except ValueError:
        return
    assert found >= (FLOOR_S - 366 * 86_400) * 10**9
    assert abs((found // 10**9 + UNIX) % 2**32 - (timestamp >> 32)) == 0


@pytest.mark.parametrize(
    "moment", [datetime(2036, 2, 8, tzinfo=UTC), datetime(2100, 3, 1, tzinfo=UTC)]
)
def test_answer_of_the_next_era_is_dated_right(moment):
    ahead_s = moment.timestamp() - time.time()
    with serving(lambda data: reply(data, shift_s=ahead_s)) as address:
        sample = Server("127.0.0.1", int(address.split(":")[1])).ask(2.0)
    assert abs(sample.offset_ns - truth_ns() - ahead_s * 1e9) < 50_000_000


def test_answer_of_the_past_is_refused_in_words():
    with (
        serving(lambda data: reply(data, shift_s=-20 * 365 * 86_400)) as address,
        pytest.raises(Rejected, match="before this program was made"),
    ):
        Server("127.0.0.1", int(address.split(":")[1])).ask(2.0)


# -- polling ---------------------------------------------------------------------------------


def waits(polling: Polling, count: int) -> list[float]:
    found = []
    for _ in range(count):
        polling.went_well()
        found.append(polling.wait_s())
    return found


def test_polls_are_quick_then_polite_then_rare_and_never_in_step():
    polling = Polling()
    found = waits(polling, 40)
    assert all(2 <= wait <= 2.2 for wait in found[:3])
    assert 64 <= found[3] <= 64 * 1.1
    assert found[-1] >= 1024
    assert all(wait <= 1024 * 1.1 for wait in found)
    assert max(found[3:7]) < 80  # four calm ones at each
    assert 128 <= min(found[7:11]) <= max(found[7:11]) < 150
    assert len({polling.wait_s() for _ in range(20)}) == 20


def test_surprise_or_failure_makes_polls_frequent_again():
    polling = Polling()
    waits(polling, 40)
    polling.was_odd()
    assert 64 <= polling.wait_s() <= 70.4


def test_server_that_asked_for_peace_is_never_asked_faster():
    polling = Polling()
    polling.slow_down()
    polling.slow_down()
    for change in (polling.was_odd, polling.begin_anew, polling.went_well):
        change()
        assert polling.wait_s() >= 256


def test_after_a_suspend_polls_are_quick_again():
    polling = Polling()
    waits(polling, 40)
    polling.begin_anew()
    assert polling.wait_s() < 2.3
