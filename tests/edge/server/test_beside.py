"""A thread that does one piece of work after the other."""

from __future__ import annotations

import threading

import pytest

from edge.server.beside import Beside


def test_work_is_done_in_its_order_and_gives_what_it_gave():
    beside = Beside("test")
    done: list[int] = []
    futures = [beside.do(lambda n=n: (done.append(n), n)[1]) for n in range(50)]
    assert [one.result(10) for one in futures] == list(range(50))
    assert done == list(range(50))
    beside.close()


def test_what_work_raises_is_its_owner_s_and_the_next_is_done_all_the_same():
    beside = Beside("test")
    bad, good = beside.do(lambda: 1 // 0), beside.do(lambda: 2)
    with pytest.raises(ZeroDivisionError):
        bad.result(10)
    assert good.result(10) == 2
    beside.close()


def test_closed_it_finishes_what_it_was_given_and_its_thread_ends():
    before = threading.active_count()
    beside = Beside("test")
    future = beside.do(lambda: 3)
    beside.close()
    beside.close()
    assert future.result(10) == 3
    for thread in threading.enumerate():
        if thread.name == "test":
            thread.join(10)
    assert threading.active_count() <= before
