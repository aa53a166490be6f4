"""A question that stays unanswered is cut off in bounded time; what is only slow gets its time."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from edge.server.watchdog import Watchdog


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_silent_connection_is_cut_and_the_reason_is_told(pair):
    watchdog = Watchdog(first_s=0.1)
    since = time.monotonic()
    with watchdog.over(pair[0].fileno()):
        assert pair[0].recv(1) == b""  # would wait for ever
    assert 0.1 <= time.monotonic() - since < 5
    assert watchdog.said == "no answer for 0.1 s"


def test_an_answer_in_time_is_left_alone_and_nothing_stays_open(pair):
    watchdog = Watchdog(first_s=30)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        with watchdog.over(pair[0].fileno()):
            pair[1].send(b"x")
            assert pair[0].recv(1) == b"x"
    assert watchdog.said == ""
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_patience_doubles_to_its_end_and_starts_anew_after_an_answer():
    watchdog = Watchdog(first_s=0.05, last_s=0.15)
    said = []
    for _ in range(4):
        near, far = socket.socketpair()
        with near, far, watchdog.over(near.fileno()):
            near.recv(1)
        said.append(watchdog.said)
    assert said == [f"no answer for {wait} s" for wait in ("0.05", "0.1", "0.15", "0.15")]
    near, far = socket.socketpair()
    with near, far:
        with watchdog.over(near.fileno()):
            pass
        assert watchdog.said == ""
        with watchdog.over(near.fileno()):
            near.recv(1)
    assert watchdog.said == "no answer for 0.05 s"


def test_what_is_given_up_is_waited_for_no_longer_nor_is_what_comes_after(pair):
    watchdog = Watchdog(first_s=30)
    since = time.monotonic()
    threading.Timer(0.1, watchdog.give_up).start()
    with watchdog.over(pair[0].fileno()):
        assert pair[0].recv(1) == b""
    near, far = socket.socketpair()
    with near, far, watchdog.over(near.fileno()):
        assert near.recv(1) == b""
    assert time.monotonic() - since < 5
    watchdog.give_up()  # nobody waits: nothing to do


def test_an_error_of_the_work_itself_is_passed_on(pair):
    watchdog = Watchdog(first_s=30)
    with pytest.raises(KeyError), watchdog.over(pair[0].fileno()):
        raise KeyError
    assert watchdog.said == ""
