"""A rig's clock as servers come and go, the wall clock is set, and the computer sleeps."""

from __future__ import annotations

import time
from unittest.mock import patch

import pytest

from edge.clock import SystemClock, boottime_ns
from edge.clock.exchange import Sample
from edge.clock.knot import FREE
from edge.clock.ntp import NtpClock
from edge.clock.reading import Reading
from edge.clock.server import Server
from edge.clock.watch import LocalClocks
from edge.live.health import clock_gauges
from tests.edge.clock.bench import UTC0, Bench, S
from tests.edge.clock.rig import reply, serving, truth_ns, unsynced_system
from tests.edge.waiting import wait_until


def test_first_to_answer_is_not_believed_before_the_others_were_heard():
    bench = Bench("liar", "a", "b")
    bench.says["liar"] = (2.5, 0.001)
    bench.poll("liar")
    assert bench.stamp.state == "unsynced"
    assert "still to be heard" in bench.clock.status().why
    bench.poll("a", "b")
    assert bench.stamp.state == "synced"
    assert abs(bench.error_s) < 0.01
    assert bench.clock.status().servers[0].verdict == "falseticker"


def test_majority_of_all_need_not_wait_for_the_last():
    bench = Bench("a", "b", "dead")
    bench.poll("a", "b")
    assert bench.stamp.state == "synced"


def test_no_majority_is_holdover_at_once_and_says_so():
    bench = Bench("a", "b")
    bench.poll()
    assert bench.stamp.state == "synced"
    bench.says |= {"a": (1.0, 0.01), "b": (-1.0, 0.01)}
    for _ in range(8):
        bench.poll(wait_s=64)
    assert bench.stamp.state == "holdover"
    assert "no majority of the 2 servers" in bench.clock.status().why
    assert abs(bench.error_s) < 0.02
    fresh = Bench("a", "b")
    fresh.says |= {"a": (1.0, 0.01)}
    fresh.poll()
    assert fresh.stamp.state == "unsynced"


def test_holdover_grows_as_stated():
    bench = Bench("a")
    bench.poll()
    first_s = bench.stamp.uncertainty_s
    assert first_s == pytest.approx(0.01)
    states = {}
    for after_s in (0, 511, 513, 3600, 86_400, 86_400 * 3 // 2):
        bench.now_ns = (1000 + after_s) * S
        states[after_s] = bench.stamp.state
        if bench.stamp.uncertainty_s is not None:
            assert bench.stamp.uncertainty_s == pytest.approx(first_s + after_s * FREE, abs=1e-9)
    assert states == {
        0: "synced",
        511: "synced",
        513: "holdover",
        3600: "holdover",
        86_400: "holdover",
        86_400 * 3 // 2: "holdover",
    }
    bench.now_ns = 2 * 86_400 * S
    assert bench.stamp.state == "unsynced"
    assert bench.stamp.uncertainty_s is None


def test_known_drift_makes_holdover_better():
    bench = Bench("a")
    bench.says["a"] = (0.0, 0.001)
    for _ in range(60):
        bench.poll(wait_s=64)
    status = bench.clock.status()
    assert abs(status.drift_ppm) < status.drift_uncertainty_ppm < 9.0
    now_s = bench.stamp.uncertainty_s
    bench.now_ns += 3600 * S
    assert bench.stamp.uncertainty_s - now_s == pytest.approx(
        3600 * status.drift_uncertainty_ppm * 1e-6, rel=0.01
    )


def test_dead_servers_lead_to_holdover_and_their_reason_is_told():
    bench = Bench("a", "b")
    bench.poll()
    bench.says = dict.fromkeys(("a", "b"), "No response received from x")
    for _ in range(9):
        bench.poll(wait_s=64)
    status = bench.clock.status()
    assert status.state == "holdover"
    assert [one.verdict for one in status.servers] == ["silent", "silent"]
    assert {one.why for one in status.servers} == {"No response received from x"}
    assert status.why == "no server answers"
    bench.says = dict.fromkeys(("a", "b"), (0.0, 0.01))
    bench.poll()
    assert bench.stamp.state == "synced"


def test_lone_liar_is_forgotten_when_the_honest_come():
    bench = Bench("liar", "a", "b")
    bench.says |= {"liar": (2.5, 0.001), "a": "dead", "b": "dead"}
    for _ in range(4):
        assert bench.stamp.state == "unsynced", "the others are waited for"
        bench.poll()
    assert bench.error_s == pytest.approx(2.5)
    bench.says |= {"a": (0.0, 0.01), "b": (0.0, 0.01)}
    bench.poll(wait_s=64)
    assert abs(bench.error_s) < 0.01
    assert abs(bench.clock.stamp(1000 * S).utc_ns - UTC0 - 1000 * S) < 0.03 * S  # the past too
    assert bench.clock.status().surprises == 1
    assert all(server.polling.poll_s == 64 for server in bench.clock.servers)


def test_past_of_before_a_suspend_is_right_though_a_lone_liar_was_believed_meanwhile():
    bench = Bench("liar", "a", "b")
    bench.says |= {"liar": (2.5, 0.001), "a": "dead", "b": "dead"}
    for _ in range(4):
        bench.poll()
    assert bench.stamp.state == "synced"
    before_ns = bench.now_ns - 100 * S
    bench.now_ns += 3600 * S
    bench.asleep_ns += 3600 * S
    bench.clock.look_around()
    bench.says |= dict.fromkeys(("a", "b"), (0.8, 0.01))  # the hardware clock told whole seconds
    bench.poll(wait_s=2)
    assert bench.error_s == pytest.approx(0.8, abs=0.001)
    for boot_ns, true_s in ((before_ns, 0.0), (bench.now_ns - S, 0.8)):
        stamp = bench.clock.stamp(boot_ns)
        assert abs(stamp.utc_ns - UTC0 - boot_ns - true_s * S) / S <= stamp.uncertainty_s < 2


def test_jump_of_boot_time_is_a_surprise_and_the_past_keeps_its_time():
    bench = Bench("a", "b")
    for _ in range(20):
        bench.poll(wait_s=64)
    assert {server.polling.poll_s for server in bench.clock.servers} == {1024}
    before_ns = bench.now_ns
    # As after a virtual machine was paused; by a longer way, so that old answers look better.
    bench.says = dict.fromkeys(("a", "b"), (30.0, 0.02))
    for _ in range(2):
        bench.poll(wait_s=64)
    assert bench.error_s == pytest.approx(30.0, abs=0.03)
    assert abs(bench.clock.stamp(before_ns - S).utc_ns - UTC0 - before_ns + S) < 0.02 * S
    assert bench.clock.status().surprises == 1
    assert {server.polling.poll_s for server in bench.clock.servers} == {64}


def test_step_of_the_wall_clock_is_counted_and_changes_nothing():
    bench = Bench("a")
    bench.poll()
    before = bench.stamp
    bench.wall_ns -= 14 * 86_400 * S
    bench.clock.look_around()
    assert bench.stamp == before
    status = bench.clock.status()
    assert status.steps == 1
    assert status.last_step_s == pytest.approx(-14 * 86_400)
    bench.clock.look_around()
    assert bench.clock.status().steps == 1


def test_suspend_widens_the_bound_until_the_servers_were_asked_again():
    bench = Bench("a", "b")
    for _ in range(20):
        bench.poll(wait_s=64)
    slept_at_ns = bench.now_ns
    bench.now_ns += 3600 * S
    bench.asleep_ns += 3600 * S
    bench.clock.look_around()
    status = bench.clock.status()
    assert (status.state, status.suspends, status.why) == ("holdover", 1, "was suspended")
    assert status.uncertainty_s > 1.3
    assert all(server.polling.wait_s() < 2.3 for server in bench.clock.servers)
    bench.says = dict.fromkeys(("a", "b"), (0.8, 0.01))  # the hardware clock told whole seconds
    bench.poll("a")
    assert bench.stamp.state == "holdover"
    bench.poll("b", wait_s=2)
    assert bench.stamp.state == "synced"
    assert bench.error_s == pytest.approx(0.8, abs=0.001)
    assert bench.clock.status().surprises == 0
    assert abs(bench.clock.stamp(slept_at_ns - S).utc_ns - slept_at_ns + S - UTC0) < 0.02 * S


def test_slew_that_was_on_from_the_start_is_not_taken_for_the_usual():
    bench = Bench("a")
    bench.poll()
    for _ in range(10):
        bench.now_ns += 2 * S
        bench.slewed_ns += 2 * 90_000
        bench.clock.look_around()
    assert bench.stamp.uncertainty_s > 0.01 + 20 * FREE + 20 * 89e-6


def test_slew_by_a_daemon_widens_the_bound_by_as_much():
    bench = Bench("a")
    for look in range(40):  # a raw clock that is 30 ppm slow is nothing odd, once that is seen
        if look == 20:
            bench.poll()
        bench.now_ns += 2 * S
        bench.slewed_ns += 60_000
        bench.clock.look_around()
    assert bench.stamp.uncertainty_s == pytest.approx(0.01 + 40 * FREE)
    for _ in range(10):  # 10 ms in 20 s
        bench.now_ns += 2 * S
        bench.slewed_ns += 60_000 + S // 1000
        bench.clock.look_around()
    assert bench.stamp.uncertainty_s == pytest.approx(0.02 + 60 * FREE, rel=1e-4)
    slewed = [knot for knot in bench.clock.belief.map.knots if knot.source == "slewed"]
    assert len(slewed) == 1, "one break for all within a minute"
    assert bench.stamp.state == "synced"
    bench.slewed_ns += 30_000
    bench.poll(wait_s=1)
    assert bench.stamp.uncertainty_s == pytest.approx(0.01)


def test_drift_is_not_learned_where_a_daemon_corrects_the_clock():
    bench = Bench("a", system=SystemClock(max_error_s=lambda: 0.5))
    bench.says["a"] = (0.0, 0.001)
    for _ in range(60):
        bench.poll(wait_s=64)
    assert bench.clock.status().drift_uncertainty_ppm == pytest.approx(15.0)


def test_clock_that_a_daemon_pushes_is_not_taken_for_one_that_it_corrects_steadily():
    bench = Bench("a", system=SystemClock(max_error_s=lambda: 0.5))
    bench.poll()
    for _ in range(10):
        bench.now_ns += 2 * S
        bench.slewed_ns += 2 * S // 50
        bench.clock.look_around()
        bench.poll()
        assert bench.clock.status().drift_uncertainty_ppm == pytest.approx(100.0)
    for _ in range(3):
        bench.poll(wait_s=64)
    assert bench.clock.status().drift_uncertainty_ppm == pytest.approx(15.0)


def test_thread_polls_at_once_after_a_suspend():
    questions = []

    def keep(data: bytes) -> bytes:
        questions.append(boottime_ns())
        return reply(data)

    asleep = [0]

    def read() -> Reading:
        now_ns = boottime_ns()
        return Reading(now_ns, now_ns - asleep[0], now_ns + truth_ns(), now_ns - asleep[0])

    with serving(keep) as address:
        clock = NtpClock([address], unsynced_system(), local=LocalClocks(read))
        (server,) = clock.servers
        server.polling.polls = 10  # past the burst
        clock.start()
        try:
            wait_until(lambda: len(questions) == 1)
            wait_until(clock.is_known)
            asleep[0] = 3600 * S
            clock.look_around()
            wait_until(lambda: len(questions) >= 2, 5.0)
        finally:
            clock.close()


def test_leap_second_that_is_announced_is_told():
    with serving(lambda data: reply(data, leap=1)) as address:
        clock = NtpClock([address], unsynced_system())
        clock.poll(clock.servers[0])
    assert clock.status().leap == 1


def test_status_has_all_of_a_server_as_json():
    bench = Bench("a", "b")
    bench.says["b"] = "kiss-o'-death RATE"
    for _ in range(4):
        bench.poll()
    status = bench.clock.status().to_json()
    first, second = status["servers"]
    assert status["chosen"] == "a"
    assert (first["verdict"], first["reach"], first["stratum"]) == ("chosen", 15, 2)
    assert (first["delay_s"], first["offset_s"]) == (0.02, 0.0)
    assert second["verdict"] == "silent"
    assert "RATE" in second["why"]


def test_message_carries_the_map_and_the_boot():
    bench = Bench("a")
    assert bench.clock.message(0, 1) is None
    bench.poll()
    body = bench.clock.message(0, 2000 * S)
    assert body["boot_id"] == bench.clock.boot_id
    assert body["state"] == "synced"
    assert body["uncertainty_s"] >= 0.025


# -- the clocks here -------------------------------------------------------------------------


def test_local_clocks_see_nothing_where_nothing_happens():
    local = LocalClocks()
    for _ in range(20):
        change = local.look()
        assert (change.asleep_ns, change.slewed_ns) == (0, 0)
        time.sleep(0.01)
    assert (local.steps, local.suspends) == (0, 0)


def test_health_counts_the_servers_and_what_happened_to_the_clocks():
    bench = Bench("a", "b", "false", "dead")
    bench.says |= {"false": (2.5, 0.001), "dead": "No response"}
    for _ in range(4):
        bench.poll()
    bench.wall_ns += 5 * S
    bench.clock.look_around()
    gauges = clock_gauges(bench.clock)
    assert gauges["clock_servers_answering"] == 3
    assert gauges["clock_servers_false"] == 1
    assert (gauges["clock_steps"], gauges["clock_suspends"], gauges["clock_surprises"]) == (1, 0, 0)
    assert clock_gauges(unsynced_system()) == {}


def test_what_was_pushed_before_the_program_began_is_doubted_before_it():
    now_ns = 1000 * S

    def read() -> Reading:  # a daemon pushed boot time by 0.9 s while the computer started
        return Reading(now_ns, now_ns, now_ns + UTC0, now_ns - 900_000_000)

    clock = NtpClock(["a"], unsynced_system(), local=LocalClocks(read), now=lambda: now_ns)
    with patch.object(Server, "ask", return_value=Sample(now_ns, UTC0, 0.01, 0.01, 2)):
        clock.poll(clock.servers[0])
    assert clock.stamp(now_ns).uncertainty_s == pytest.approx(0.01)
    assert clock.stamp(10 * S).uncertainty_s > 0.9
    assert clock.message(now_ns, now_ns + S)["uncertainty_s"] < 0.02


def test_answer_in_which_boot_time_was_pushed_or_slept_is_worth_less_or_nothing():
    bench = Bench("a")
    (server,) = bench.clock.servers

    def poll(pushed_ns: int, slept_ns: int) -> Sample | None:
        def ask(*_: object) -> Sample:
            bench.now_ns += S + slept_ns
            bench.slewed_ns += pushed_ns
            bench.asleep_ns += slept_ns
            return bench.ask(server)

        with patch.object(Server, "ask", ask):
            return bench.clock.poll(server)

    pushed = poll(S // 10, 0)
    assert pushed is not None
    assert bench.stamp.uncertainty_s == pytest.approx(0.11)
    assert poll(0, 100 * S) is None
    assert server.error == "the computer slept while it was asked"
    assert bench.stamp.uncertainty_s > 1
    assert poll(0, 0) is not None
    assert bench.stamp.uncertainty_s == pytest.approx(0.01)
