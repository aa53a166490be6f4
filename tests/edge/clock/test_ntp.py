"""NTP: against a real chronyd on loopback, and against servers that lie, refuse or keep silent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from edge.clock import Stamp, SystemClock, boottime_ns, compare_clocks
from edge.clock.exchange import Rejected, Sample
from edge.clock.ntp import NtpClock
from edge.clock.reading import Reading
from edge.clock.server import Server, parse_server
from edge.clock.watch import LocalClocks
from edge.messages.utc import parse_utc_ns
from tests.edge.clock.rig import (
    chronyd,
    free_port,
    query,
    reply,
    serving,
    stamp64,
    unsynced_system,
)
from tests.edge.waiting import wait_synced


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with chronyd(tmp_path_factory.mktemp("chrony"), port):
        yield f"127.0.0.1:{port}"


def test_real_server_dates_boot_time_within_its_bound(honest):
    clock = NtpClock([honest], unsynced_system())
    (server,) = clock.servers
    for _ in range(8):
        assert clock.poll(server) is not None
    now = boottime_ns()
    stamp = clock.stamp(now)
    # chronyd serves this very machine's time.
    truth = now + compare_clocks().offset_ns
    assert stamp.state == "synced"
    assert abs(stamp.utc_ns - truth) * 1e-9 < stamp.uncertainty_s
    assert abs(stamp.utc_ns - truth) < 1_000_000
    assert stamp.uncertainty_s < 0.05
    assert (server.asked, server.answered, server.error) == (8, 8, "")
    assert server.samples[-1].stratum == 3


def test_thread_syncs_by_itself_and_ends(honest):
    clock = NtpClock([honest], unsynced_system())
    assert clock.stamp(boottime_ns()).state == "unsynced"
    clock.start()
    try:
        assert wait_synced(clock, 5.0, poll_s=0.01)
    finally:
        clock.close()
    assert not any(thread.name == "ntp 127.0.0.1" for thread in threading.enumerate())


def test_false_server_is_outvoted_by_real_ones(honest):
    with serving(lambda data: reply(data, shift_s=2.5)) as liar:
        clock = NtpClock([liar, honest, honest], unsynced_system())
        for server in clock.servers:
            assert clock.poll(server) is not None
        now = boottime_ns()
        assert abs(clock.stamp(now).utc_ns - now - compare_clocks().offset_ns) < 5_000_000
        assert clock.servers[0].best().offset_ns - clock.servers[1].best().offset_ns > 2_400_000_000


def test_shift_of_the_server_is_taken_over_to_the_millisecond():
    with serving(lambda data: reply(data, shift_s=-3600.0)) as hour_behind:
        clock = NtpClock([hour_behind], unsynced_system())
        clock.poll(clock.servers[0])
        now = boottime_ns()
        behind = now + compare_clocks().offset_ns - clock.stamp(now).utc_ns
    assert behind * 1e-9 == pytest.approx(3600.0, abs=0.01)


BAD_ANSWERS = {
    "kiss-o'-death RATE": lambda data: reply(data, stratum=0, ref_id=b"RATE"),
    "kiss-o'-death DENY": lambda data: reply(data, stratum=0, ref_id=b"DENY"),
    "mode 3 is no server's answer": lambda data: reply(data, mode=3),
    "not synchronised .leap 3": lambda data: reply(data, leap=3),
    "not synchronised .leap 0, stratum 16": lambda data: reply(data, stratum=16),
    "not to our question": lambda data: reply(data, origin=stamp64(1.7e9)),
    "does not know its own error": lambda data: reply(data, root_dispersion_s=16.0),
    "Invalid NTP packet": lambda _: b"\x24\x02",
    "No response": lambda _: None,
}


@pytest.mark.parametrize("why", BAD_ANSWERS)
def test_bad_answer_is_a_result_with_a_reason(why):
    with serving(BAD_ANSWERS[why]) as address:
        clock = NtpClock([address], unsynced_system(), timeout_s=0.3)
        (server,) = clock.servers
        assert clock.poll(server) is None
        with pytest.raises(Rejected, match=why):
            query(server.host, server.port, 0.3)
    assert (server.asked, server.answered) == (1, 0)
    assert server.error
    assert clock.stamp(boottime_ns()).state == "unsynced"


def test_server_that_wants_peace_is_asked_less_often():
    with serving(BAD_ANSWERS["kiss-o'-death RATE"]) as address:
        clock = NtpClock([address], unsynced_system())
        (server,) = clock.servers
        polls = []
        for _ in range(6):
            clock.poll(server)
            polls.append(server.polling.poll_s)
    assert polls == [128, 256, 512, 1024, 1024, 1024]
    with serving(BAD_ANSWERS["kiss-o'-death DENY"]) as address:
        clock = NtpClock([address], unsynced_system())
        clock.poll(clock.servers[0])
    assert clock.servers[0].polling.poll_s == 1024


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".invalid"])
def test_name_that_leads_nowhere_is_a_result(host):
    clock = NtpClock([host], unsynced_system(), timeout_s=0.3)
    assert clock.poll(clock.servers[0]) is None
    assert host in clock.servers[0].error


def test_closed_port_is_a_result():
    clock = NtpClock([f"127.0.0.1:{free_port()}"], unsynced_system(), timeout_s=0.2)
    assert clock.poll(clock.servers[0]) is None
    assert clock.servers[0].error


def sample(age_s: float = 0.0, offset_s: float = 1.0, bound_s: float = 0.01, delay_s: float = 0.0):
    return Sample(
        boottime_ns() - int(age_s * 1e9), round(offset_s * 1e9), delay_s, bound_s, stratum=2
    )


def test_shortest_round_trip_of_eight_is_believed():
    server = Server("x")
    for index in range(10):
        delay = 0.001 if index == 1 else 0.1 if index != 5 else 0.01
        server.samples.append(sample(offset_s=index, delay_s=delay, bound_s=delay / 2))
    assert len(server.samples) == 8
    assert server.best().offset_ns == 5_000_000_000
    assert Server("y").best() is None


def test_answer_that_is_too_old_loses_to_one_that_took_a_little_longer():
    server = Server("x")
    short = sample(age_s=600, delay_s=0.010, bound_s=0.005)
    longer = sample(age_s=0, delay_s=0.020, bound_s=0.010)
    server.samples.extend([short, longer])
    assert server.best(longer.boot_ns - 599_000_000_000) is short
    assert server.best(longer.boot_ns) is longer  # 600 s of 100 ppm are 60 ms, the other 5 ms more


def aged(answer: Sample, system: SystemClock | None = None) -> NtpClock:
    """A clock whose only answer came at the sample's time, of a computer nobody has pushed."""

    def calm() -> Reading:
        now_ns = boottime_ns()
        return Reading(now_ns, now_ns, now_ns, now_ns)

    clock = NtpClock(["x"], system or unsynced_system(), local=LocalClocks(calm))
    with patch.object(Server, "ask", return_value=answer):
        clock.poll(clock.servers[0])
    return clock


@pytest.mark.parametrize(
    ("age_s", "bound_s", "state", "least_s"),
    [
        (1, 0.01, "synced", 0.0101),
        (500, 0.01, "synced", 0.06),
        (520, 0.01, "holdover", 0.062),
        (86_400, 0.01, "holdover", 8.65),
        (86_400 * 2, 0.01, "unsynced", None),
    ],
)
def test_old_answer_is_holdover_with_a_growing_bound(age_s, bound_s, state, least_s):
    stamp = aged(sample(age_s=age_s, bound_s=bound_s)).stamp(boottime_ns())
    assert stamp.state == state
    if least_s is None:
        assert stamp.uncertainty_s is None
    else:
        assert stamp.uncertainty_s == pytest.approx(least_s, rel=0.01)


def test_event_before_the_first_answer_is_dated_back():
    answer = sample(bound_s=0.01)
    stamp = aged(answer).stamp(answer.boot_ns - 60_000_000_000)
    assert stamp.utc_ns == answer.boot_ns - 60_000_000_000 + 1_000_000_000
    assert stamp.uncertainty_s == pytest.approx(0.016, abs=1e-5)


def test_smaller_bound_of_system_and_servers_answers():
    good_system = SystemClock(max_error_s=lambda: 0.001)
    now = boottime_ns()
    agrees = sample(bound_s=0.01, offset_s=compare_clocks().offset_ns * 1e-9)
    assert aged(agrees, good_system).stamp(now) == good_system.stamp(now)
    clock = aged(sample(bound_s=0.0001), good_system)
    assert clock.stamp(now).utc_ns == now + 1_000_000_000


def test_system_that_contradicts_the_servers_is_not_believed_however_sure_it_is():
    sure_system = SystemClock(max_error_s=lambda: 1e-6)
    now = boottime_ns()
    stamp = aged(sample(bound_s=0.01), sure_system).stamp(now)
    assert stamp.utc_ns == now + 1_000_000_000
    assert stamp.uncertainty_s >= 0.01
    old = aged(sample(age_s=3600, bound_s=0.01), sure_system)  # nobody confirms the servers now
    assert old.stamp(now) == sure_system.stamp(now)


@pytest.mark.parametrize(("age_s", "by_system"), [(0, False), (3600, True)])
def test_clock_message_is_by_the_same_word_as_the_stamps(age_s, by_system):
    sure_system = SystemClock(max_error_s=lambda: 1e-6)
    now = boottime_ns()
    clock = aged(sample(age_s=age_s, bound_s=0.01), sure_system)
    body = clock.message(now, now)
    assert (body["source"] == "the kernel") == by_system
    by_message_ns = parse_utc_ns(body["reference_utc"]) + now - body["reference_boot_ns"]
    assert abs(by_message_ns - clock.stamp(now).utc_ns) < 1_000_000


def test_without_an_answer_the_system_speaks():
    clock = NtpClock([], SystemClock(max_error_s=lambda: 0.25))
    assert clock.stamp(boottime_ns()).state == "synced"
    assert isinstance(NtpClock([]).stamp(boottime_ns()), Stamp)
    assert clock.boot_id == SystemClock().boot_id
    clock.start()
    clock.close()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pool.ntp.org", "pool.ntp.org", 123),
        ("127.0.0.1:11123", "127.0.0.1", 11123),
        ("::1", "::1", 123),
        ("[::1]:11123", "::1", 11123),
        ("[fe80::1]", "fe80::1", 123),
    ],
)
def test_server_is_a_host_with_or_without_a_port(text, host, port):
    server = parse_server(text)
    assert (server.host, server.port) == (host, port)


@pytest.mark.parametrize("text", ["", "host:", "host:x", "host:0", "host:70000", ":123"])
def test_what_is_no_server_is_refused(text):
    with pytest.raises(ValueError, match="write host or host:port"):
        parse_server(text)
