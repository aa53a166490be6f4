"""Hits sent again: all of them, however often the connection ends; a no of the broker is a no."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.delivery import BrokerAddress, sending_again
from edge.delivery.archive_again import Archived
from edge.delivery.sending_again import send_again
from edge.errors import Failed
from tests.brokers import Mosquitto, mosquitto

pytestmark = pytest.mark.mosquitto
EPOCH = "0123456789abcdef"


def archived(count: int) -> Iterator[Archived]:
    return (Archived("attic-1", "hit", EPOCH, seq, b"%d" % seq) for seq in range(1, count + 1))


class Trouble:
    """Does something to the broker each time so many hits more were taken."""

    def __init__(self, broker: Mosquitto, every: int, *, comes_back: bool = True) -> None:
        self._broker, self._every, self._comes_back = broker, every, comes_back
        self.taken = 0

    def __call__(self, more: float) -> None:
        self.taken += int(more)
        if self.taken % self._every == 0:
            self._broker.kill()
            if self._comes_back:
                self._broker.start()


def test_all_are_taken_although_the_connection_ends_again_and_again() -> None:
    with mosquitto() as broker:
        trouble = Trouble(broker, 90)
        assert send_again(BrokerAddress.parse(broker.url), archived(400), trouble) == {"hit": 400}
        assert trouble.taken == 400
        # What was on its way when the connection ended was sent once more, and no message left out.
        assert broker.log.count("New client connected") == 5


def test_a_broker_that_is_gone_is_one_line_with_what_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending_again, "_PAUSE_S", 0.01)
    with mosquitto() as broker:
        trouble = Trouble(broker, 30, comes_back=False)
        with pytest.raises(
            Failed, match=r"no way back in .* it took \d+ messages\. Run it again"
        ) as caught:
            send_again(BrokerAddress.parse(broker.url), archived(400), trouble)
    assert "\n" not in str(caught.value)


def test_nobody_there_from_the_start_is_said_at_once() -> None:
    with mosquitto(started=False) as broker, pytest.raises(Failed, match="no broker at"):
        send_again(BrokerAddress.parse(broker.url), archived(1), lambda _: None)


def test_a_broker_that_does_not_take_them_is_not_asked_again() -> None:
    with mosquitto(acl="topic read #\n") as broker:
        with pytest.raises(Failed, match="does not take them"):
            send_again(BrokerAddress.parse(broker.url), archived(5), lambda _: None)
        assert broker.log.count("New client connected") == 1


def test_an_archive_that_can_not_be_read_further_is_a_failure_and_not_the_end() -> None:
    def torn() -> Iterator[Archived]:
        yield from archived(25)
        raise Failed("archive rig.sqlite can't be read: malformed")

    with mosquitto() as broker, pytest.raises(Failed, match="malformed"):
        send_again(BrokerAddress.parse(broker.url), torn(), lambda _: None)


def test_nothing_to_send_is_no_fault() -> None:
    with mosquitto() as broker:
        assert send_again(BrokerAddress.parse(broker.url), archived(0), lambda _: None) == {}
