"""When a rig counts as silent, and that it is told once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import Failed
from edge.messages import Status, format_utc_ns
from edge.server.alarms import Alarms
from edge.server.arrival import examine
from edge.server.presence import STATES, Limits, Presence, judge
from edge.server.store import Seen
from tests.edge.server.databases import arrival, execute
from tests.edge.server.rigs import EPOCH, RIG, payload

NOW_S = 1_800_000_000.0
LIMITS = Limits(silent_after_s=180, offline_after_s=60, forget_after_s=86_400)


def utc(ago_s):
    return format_utc_ns(int((NOW_S - ago_s) * 1e9))


def status(state, session=1, since_s=None):
    return Status(
        rig=RIG,
        state=state,
        session=session,
        epoch=EPOCH,
        ack="server",
        since_utc=None if since_s is None else utc(since_s),
    )


def state_of(quiet_s, said=None, interval_s=None, limits=LIMITS):
    seen = [Seen(RIG, EPOCH, None if quiet_s is None else utc(quiet_s))]
    statuses = {} if said is None else {RIG: status(said)}
    [one] = judge(seen, statuses, lambda _: interval_s, limits, NOW_S)
    return one.state


@pytest.mark.parametrize(
    ("quiet_s", "said", "interval_s", "state"),
    [
        (0, None, None, "reporting"),
        (179, None, 60, "reporting"),
        (181, None, 60, "silent"),
        (181, "online", 60, "silent"),
        (3500, None, 3600, "reporting"),  # one report an hour
        (10_799, None, 3600, "reporting"),
        (10_801, None, 3600, "silent"),
        (59, "offline", 60, "reporting"),  # it may be back in a moment
        (61, "offline", 60, "offline"),
        (61, "offline", 3600, "offline"),
        (61, "stopped", 60, "reporting"),
        (181, "stopped", 60, "stopped"),
        (86_401, "offline", 60, "gone"),
        (None, "online", 60, "gone"),
        (-3600, None, 60, "reporting"),  # the collector's clock is ahead of ours
    ],
)
def test_silence_is_measured_by_the_rigs_own_interval_and_by_its_will(
    quiet_s, said, interval_s, state
):
    assert state_of(quiet_s, said, interval_s) == state


def test_a_rig_nobody_waits_for_is_not_listed():
    limits = Limits(ignored=frozenset({RIG}))
    seen = [Seen(RIG, EPOCH, utc(1e4))]
    statuses = {RIG: status("online", since_s=1e4)}
    assert judge(seen, statuses, lambda _: None, limits, NOW_S) == ()


@pytest.mark.parametrize(
    ("said", "since_s", "states"),
    [
        ("online", 10, ["reporting"]),
        ("online", 181, ["silent"]),
        ("online", None, ["reporting"]),
        ("offline", 181, []),
        ("stopped", 181, []),
    ],
)
def test_a_rig_that_is_there_and_of_which_nothing_is_stored_is_silent(said, since_s, states):
    found = judge([], {RIG: status(said, since_s=since_s)}, lambda _: None, LIMITS, NOW_S)
    assert [one.state for one in found] == states


def test_the_interval_is_asked_of_the_late_ones_alone():
    asked = []
    seen = [Seen(f"rig-{n}", EPOCH, utc(n)) for n in (0, 100, 200, 90_000)]
    judge(seen, {}, lambda one: asked.append(one.rig), LIMITS, NOW_S)
    assert asked == ["rig-200"]


def test_a_store_knows_when_each_rig_was_heard_and_how_often_it_reports(store, database):
    store.commit([arrival("hit", 1), arrival("hit", 1, rig="attic-1")])
    execute(database, f"UPDATE rigs SET seen_utc = '{utc(500)}' WHERE rig = '{RIG}'")
    first, second = store.seen()
    assert (first.rig, second.rig, second.seen_utc) == ("attic-1", RIG, utc(500))
    assert store.report_interval_s(RIG, EPOCH) is None
    minute = {"from_utc": "2026-11-21T10:00:00.000000000Z"}
    ends = ["10:00:01.5", "10:01:00.0", "09:59:00.0"]  # cut off, whole, stepped back
    store.commit(
        [
            arrival("exposure", seq, **minute, to_utc=f"2026-11-21T{end}00000000Z")
            for seq, end in enumerate(ends, 2)
        ]
    )
    assert store.report_interval_s(RIG, EPOCH) == 60.0
    assert store.size_bytes() > 10_000


def test_of_several_epochs_the_newest_counts(store, database):
    other = "fedcba9876543210"
    store.commit([arrival("hit", 1)])
    execute(database, f"UPDATE rigs SET seen_utc = '{utc(1e8)}'")
    store.commit([examine(f"cosmic-edge/v1/{RIG}/hit", payload("hit", 1, epoch=other), {})])
    [one] = store.seen()
    assert one.epoch == other


def presences(**states):
    return [Presence(rig, state, 1.0, None) for rig, state in states.items()]


def test_an_alarm_is_told_once_and_taken_back_once():
    alarms = Alarms()
    first = alarms.compare(presences(a="silent", b="reporting"))
    assert [one.rig for one in first.raised] == ["a"]
    alarms.note(first)
    again = alarms.compare(presences(a="offline", b="reporting"))  # another word for it
    assert again.raised == again.cleared == ()
    back = alarms.compare(presences(a="reporting", b="reporting"))
    alarms.note(back)
    assert [(one.rig, one.state) for one in back.cleared] == [("a", "reporting")]
    assert alarms.compare(presences(a="reporting")).cleared == ()


def test_what_was_told_is_remembered_over_a_restart(tmp_path):
    file = tmp_path / "told.json"
    alarms = Alarms(file)
    alarms.note(alarms.compare(presences(a="silent")))
    assert Alarms(file).compare(presences(a="silent")).raised == ()
    [gone] = Alarms(file).compare(()).cleared
    assert (gone.rig, gone.state) == ("a", "gone")
    assert [one.name for one in tmp_path.iterdir()] == ["told.json"]


def test_what_was_not_noted_is_told_again(tmp_path):
    Alarms(tmp_path / "told.json").compare(presences(a="silent"))
    assert len(Alarms(tmp_path / "told.json").compare(presences(a="silent")).raised) == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "x", "silent": []}', "\x00"])
def test_a_file_that_holds_something_else_is_one_line_and_stays(tmp_path, content):
    file = tmp_path / "told.json"
    file.write_text(content)
    with pytest.raises(Failed, match=r"told\.json: no list of told alarms; name another"):
        Alarms(file)
    assert file.read_text() == content


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    alarms = Alarms(tmp_path / "missing" / "told.json")
    with pytest.raises(Failed, match="No such file"):
        alarms.note(alarms.compare(presences(a="silent")))


RIGS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(STATES))


@given(st.lists(RIGS, max_size=10))
def test_whatever_happens_raised_and_cleared_alternate_for_each_rig(looks):
    alarms, standing = Alarms(), set()
    for rigs in looks:
        change = alarms.compare(presences(**rigs))
        alarms.note(change)
        raised, cleared = ({one.rig for one in part} for part in (change.raised, change.cleared))
        assert not raised & standing
        assert cleared <= standing
        standing = (standing | raised) - cleared
        assert standing == {one.rig for one in presences(**rigs) if one.alarming}
        assert {one.rig for one in alarms.compare(()).cleared} == standing
