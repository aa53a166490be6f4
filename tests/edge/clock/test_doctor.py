"""What `doctor` says of servers."""

from __future__ import annotations

from edge.doctor.clock import clock
from tests.edge.clock.rig import reply, serving, unsynced_system


def test_server_that_is_outvoted_is_named_with_how_far_it_is_off():
    with (
        serving(reply) as first,
        serving(reply) as second,
        serving(lambda data: reply(data, shift_s=2.5)) as false,
    ):
        found = clock((first, second, false), unsynced_system, timeout_s=2.0)
    assert found.verdict == "warn"
    assert found.detail.startswith("synced ±")
    assert "3 of 3 NTP servers answer" in found.detail
    assert f"outvoted by the others: {false} (+2.5 s)" in found.advice
    servers = {one["name"]: one for one in found.data["ntp"]["servers"]}
    assert servers[false]["verdict"] == "falseticker"
    assert {servers[first]["verdict"], servers[second]["verdict"]} == {"chosen", "agrees"}


def test_two_servers_that_contradict_each_other_give_no_time():
    with serving(reply) as first, serving(lambda data: reply(data, shift_s=9)) as second:
        found = clock((first, second), unsynced_system, timeout_s=2.0)
    assert (found.verdict, found.data["state"]) == ("warn", "unsynced")
    assert "no majority of the 2 servers that answer agrees: name more servers" in found.advice


def test_servers_that_agree_are_good_and_a_leap_second_is_told():
    def leaping(data: bytes) -> bytes:
        return reply(data, leap=1)

    with serving(leaping) as first, serving(leaping) as second:
        found = clock((first, second), unsynced_system, timeout_s=2.0)
    assert found.verdict == "ok"
    assert "a leap second is announced" in found.detail
