"""What a server may ask: checked, done once, not too often, and always answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.live.desk import FILE_NAME, CommandDesk, NotDone
from edge.live.executor import RigExecutor, picture_of
from edge.messages import MessageError, parse_service
from edge.messages.commands import MAX_COMMAND_BYTES, Command, Reply
from edge.messages.utc import format_utc_ns
from tests.edge.hand_clock import NS, HandClock
from tests.edge.live.rig import Rig, frame, play


@dataclass
class Done:
    """Does nothing but note it."""

    names: list[str] = field(default_factory=list)
    fault: Exception | None = None
    data: dict[str, Any] | None = None

    def execute(self, command: Command) -> tuple[str, dict[str, Any]]:
        self.names.append(command.name)
        if self.fault is not None:
            raise self.fault
        return "done so", self.data or {"n": len(self.names)}


class Desk:
    """A desk with its answers."""

    def __init__(self, folder: Path, clock: HandClock | None = None) -> None:
        self.clock = clock or HandClock(now_s=1000.0, known=True)
        self.payloads: list[bytes] = []
        self.desk = CommandDesk("cellar-1", 7, self.clock, folder)
        self.desk.answer_through(self.payloads.append)
        self.done = Done()

    def ask(self, **command: Any) -> Reply | None:
        before = len(self.payloads)
        self.desk.take(asked(**command))
        self.desk.serve(self.done)
        answers = self.payloads[before:]
        assert len(answers) <= 1
        return parse_service(Reply, answers[0]) if answers else None

    def balanced(self) -> bool:
        counts = dict(self.desk.counts)
        return counts.pop("taken") == sum(counts.values())


def asked(command_id: str = "ask-0001", name: str = "report", **more: Any) -> bytes:
    body = {"schema": "cosmic-edge/command/1", "id": command_id, "name": name, **more}
    return json.dumps(body).encode()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_command_is_done_and_answered(desk: Desk) -> None:
    reply = desk.ask(name="recalibrate")
    assert reply is not None
    assert (reply.rig, reply.session, reply.id) == ("cellar-1", 7, "ask-0001")
    assert (reply.state, reply.detail, reply.data) == ("done", "done so", {"n": 1})
    assert desk.done.names == ["recalibrate"]
    assert desk.balanced()


def test_what_is_asked_twice_is_done_once_even_after_a_restart(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    first.ask(name="restart")
    assert first.ask(name="restart") == parse_service(Reply, first.payloads[-1])
    again = Desk(tmp_path)
    reply = again.ask(name="restart")
    assert (first.done.names, again.done.names) == (["restart"], [])
    assert reply is not None
    assert reply.state == "done"
    assert first.balanced()
    assert again.balanced()


def test_a_report_is_made_again_for_its_answer_is_not_kept(desk: Desk) -> None:
    first, again = desk.ask(name="report"), desk.ask(name="report")
    assert first is not None
    assert again is not None
    assert (first.data, again.data) == ({"n": 1}, {"n": 2})
    assert desk.balanced()


def test_an_answer_that_cannot_be_written_is_a_failure_and_no_end(desk: Desk) -> None:
    desk.done.data = {"sensor_temperature_c": float("nan")}
    reply = desk.ask(name="report")
    assert reply is not None
    assert (reply.state, reply.data) == ("failed", {})
    assert not desk.desk.waits
    assert desk.balanced()


def test_a_damaged_list_of_answers_is_no_hindrance(tmp_path: Path) -> None:
    halves = b'{"rig-0001": "\\ud800", "rig-0002": 5}'
    for content in (b"", b"[1]", b"\xff", b"[" * 10_000, halves):
        (tmp_path / FILE_NAME).write_bytes(content)
        for command_id in ("rig-0001", "rig-0002"):
            reply = Desk(tmp_path).ask(command_id=command_id)
            assert reply is not None
            assert reply.state == "done"
        (tmp_path / FILE_NAME).unlink()


def test_too_many_are_refused_and_later_ones_are_done(desk: Desk) -> None:
    states = [desk.ask(command_id=f"many-{n:04}") for n in range(10)]
    assert [one.state for one in states if one] == ["done"] * 6 + ["refused"] * 4
    desk.clock.now_s += 10
    later = desk.ask(command_id="many-later")
    assert later is not None
    assert later.state == "done"
    assert desk.balanced()


def test_a_flood_is_counted_and_written_down_a_few_times_a_minute(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="edge.live.desk"):
        for n in range(500):
            desk.desk.take(b"nonsense")
            desk.ask(command_id=f"many-{n:04}")
        flood = [one for one in caplog.messages if "done" not in one]
        assert len(flood) == 6
        assert len(caplog.messages) == 6 + 6, "what was done is written down each time"
        desk.clock.now_s += 61
        desk.desk.take(b"nonsense")
    assert "988 before it were not written down" in caplog.messages[-1]
    assert desk.desk.counts["broken"] == 501
    assert desk.balanced()


def test_a_burst_that_is_refused_does_not_push_out_what_was_done(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask(name="restart")
    for n in range(200):
        desk.ask(command_id=f"many-{n:04}", name="recalibrate")
    reply = desk.ask(name="restart")
    assert reply is not None
    assert reply.state == "done"
    again = Desk(tmp_path)
    again.ask(name="restart")
    assert (desk.done.names.count("restart"), again.done.names) == (1, [])
    assert desk.balanced()


@pytest.mark.parametrize(
    ("end_s", "known", "why"),
    [(-1, True, "too old"), (1, False, "clock is not known"), (1, True, "")],
)
def test_a_command_has_an_end(tmp_path: Path, end_s: int, known: bool, why: str) -> None:
    desk = Desk(tmp_path, HandClock(now_s=1000.0, known=known))
    now = desk.clock.stamp(desk.clock.boottime_ns()).utc_ns
    reply = desk.ask(expires_utc=format_utc_ns(now + end_s * NS))
    assert reply is not None
    assert (reply.state == "done", why in reply.detail) == (not why, True)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (NotDone("not now"), "refused"),
        (NotDone("in vain", tried=True), "failed"),
        (RuntimeError("a driver's"), "failed"),
    ],
)
def test_what_goes_wrong_is_answered(desk: Desk, fault: Exception, state: str) -> None:
    desk.done.fault = fault
    reply = desk.ask()
    assert reply is not None
    assert reply.state == state
    assert str(fault) in reply.detail
    assert desk.balanced()


def test_a_retained_command_is_ignored(desk: Desk) -> None:
    desk.desk.take(asked(), retained=True)
    desk.desk.serve(desk.done)
    assert (desk.done.names, desk.payloads) == ([], [])
    assert desk.balanced()


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"\xff\xfe", asked(name="rm -rf"), asked(more=1),
        asked(command_id="x"),
        asked(command_id="../../etc/passwd"), asked(name="threshold"),
        asked(name="threshold", seed_sigma=4.4), asked(name="threshold", seed_sigma=1e9),
        asked(name="threshold", seed_sigma="9"), asked(name="report", seed_sigma=9.0),
        asked(expires_utc="soon"), asked() + b" " * MAX_COMMAND_BYTES,
    ],
)  # fmt: skip
def test_what_is_no_command_is_counted_and_never_done(desk: Desk, payload: bytes) -> None:
    desk.desk.take(payload)
    desk.desk.serve(desk.done)
    assert (desk.done.names, desk.payloads) == ([], [])
    assert desk.desk.counts["broken"] == 1
    assert desk.balanced()


@given(st.lists(st.binary(max_size=300) | st.just(asked(name="recalibrate")), max_size=20))
def test_whatever_comes_ends_in_one_count(tmp_path_factory: Any, payloads: list[bytes]) -> None:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    for payload in payloads:
        desk.desk.take(payload)
        desk.desk.serve(desk.done)
    assert desk.balanced()
    assert len(desk.done.names) <= 1


def mutated(seed: int) -> bytes:
    """A command with some bytes changed, cut or doubled."""
    random = np.random.default_rng(seed)
    name = random.choice(["recalibrate", "threshold", "snapshot", "restart", "report"])
    content = bytearray(asked(command_id=f"fuzz-{seed:08}", name=str(name)))
    for _ in range(random.integers(0, 6)):
        at = int(random.integers(len(content)))
        match random.integers(3):
            case 0:
                content[at] = random.integers(256)
            case 1:
                del content[at : at + int(random.integers(1, 9))]
            case _:
                content[at:at] = content[at : at + 5]
        if not content:
            break
    return bytes(content)


def fuzz(folder: Path, count: int) -> None:
    desk = Desk(folder)
    for seed in range(count):
        desk.clock.now_s += 11
        payload = mutated(seed)
        before = len(desk.done.names)
        desk.desk.take(payload)
        desk.desk.serve(desk.done)
        if len(desk.done.names) > before:
            parse_service(Command, payload)  # nothing else is ever done
        for reply in desk.payloads:
            parse_service(Reply, reply)
        desk.payloads.clear()
    assert desk.balanced()
    assert desk.desk.counts["done"] > count // 20 < desk.desk.counts["broken"]


def test_mutated_commands_are_done_or_counted(tmp_path: Path) -> None:
    fuzz(tmp_path, 500)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_hundred_thousand_mutated_commands_are_done_or_counted(tmp_path: Path) -> None:
    fuzz(tmp_path, 100_000)


# -- what they do --------------------------------------------------------------------------


def command(name: str, **more: Any) -> Command:
    return parse_service(Command, asked(name=name, **more))


def executor(rig: Rig, ended: list[bool] | None = None) -> RigExecutor:
    return RigExecutor(rig.config, rig.loop, lambda: {"counters": {}}, lambda: ended.append(True))


def test_recalibrate_measures_the_dark_anew_and_counts_it(tmp_path: Path) -> None:
    rig = Rig()
    play(rig, 60)
    first = rig.loop.detector
    executor(rig).execute(command("recalibrate"))
    assert rig.loop.detector is None
    play(rig, 60, start=60)
    assert rig.loop.detector is not None
    assert rig.loop.detector is not first
    rig.loop.finish()
    counts = rig.counts()
    assert counts["calibrating"] == 40
    assert counts["received"] == counts["processed"] + counts["calibrating"] == 120
    assert rig.kinds().count("calibration") == 2


def test_a_threshold_holds_for_what_follows(tmp_path: Path) -> None:
    rig = Rig()
    play(rig, 40)
    before = rig.loop.detector.thresholds["seed_sigma"]
    executor(rig).execute(command("threshold", seed_sigma=20.0))
    play(rig, 40, start=40)
    assert before != 20.0
    assert rig.loop.detector.thresholds["seed_sigma"] == 20.0


def test_what_was_seen_before_a_new_threshold_is_signed_by_the_old_one() -> None:
    rig = Rig()
    play(rig, 60)
    before = rig.reporter.calibration_draft(rig.loop.detector).body["config_hash"]
    executor(rig).execute(command("threshold", seed_sigma=20.0))
    play(rig, 40, start=60)
    rig.loop.finish()
    signed = [
        (draft.body["thresholds"].get("seed_sigma"), draft.body["provenance"]["config_hash"])
        for draft in rig.drafts
        if draft.kind == "exposure" and draft.body["thresholds"]
    ]
    assert len(signed) >= 2
    assert all((sigma == 20.0) is (by != before) for sigma, by in signed)


def test_a_threshold_below_the_growth_is_refused(tmp_path: Path) -> None:
    rig = Rig(trigger__growth_sigma=9.0, trigger__seed_sigma=10.0)
    with pytest.raises(NotDone, match="growth_sigma"):
        executor(rig).execute(command("threshold", seed_sigma=8.0))


def test_a_snapshot_shows_the_frame_small_and_none_without_one(tmp_path: Path) -> None:
    rig = Rig()
    asked_of = executor(rig)
    with pytest.raises(NotDone, match="no frame"):
        asked_of.execute(command("snapshot"))
    asked_of.look_at(frame(0, (3, 4)))
    _, data = asked_of.execute(command("snapshot"))
    assert data["largest_adu"] > data["mean_adu"] > data["smallest_adu"]
    assert len(data["png"]) < 65_536


def test_a_bright_pixel_survives_on_a_small_picture() -> None:
    import base64

    import cv2

    pixels = np.full((1080, 1921), 64, np.uint16)
    pixels[501, 1000] = 1023
    data = picture_of(pixels)
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(data["png"]), np.uint8), 0)
    assert shown.shape[1] <= 320
    assert (shown == 255).sum() == 1
    assert shown[501 // data["block_px"], 1000 // data["block_px"]] == 255


def test_a_restart_needs_someone_who_starts_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, ended = Rig(), []
    monkeypatch.delenv("COSMIC_EDGE_SUPERVISED", raising=False)
    monkeypatch.setenv("INVOCATION_ID", "1")  # any shell below a unit has it
    with pytest.raises(NotDone, match="nothing would start it again"):
        executor(rig, ended).execute(command("restart"))
    monkeypatch.setenv("COSMIC_EDGE_SUPERVISED", "1")
    executor(rig, ended).execute(command("restart"))
    assert ended == [True]


def test_a_command_that_no_one_knows_is_refused_by_its_model() -> None:
    with pytest.raises(MessageError):
        parse_service(Command, asked(name="format"))
