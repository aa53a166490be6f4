"""A thread that does one piece of work after the other."""

from __future__ import annotations

import threading

import pytest

from edge.server.side_thread import SideThread


def test_work_is_done_in_its_order_and_gives_what_it_gave():
    side = SideThread("test")
    done: list[int] = []
    futures = [side.do(lambda n=n: (done.append(n), n)[1]) for n in range(50)]
    assert [one.result(10) for one in futures] == list(range(50))
    assert done == list(range(50))
    side.close()


def test_what_work_raises_is_its_owner_s_and_the_next_is_done_all_the_same():
    side = SideThread("test")
    bad, good = side.do(lambda: 1 // 0), side.do(lambda: 2)
    with pytest.raises(ZeroDivisionError):
        bad.result(10)
    assert good.result(10) == 2
    side.close()


def test_closed_it_finishes_what_it_was_given_and_its_thread_ends():
    before = threading.active_count()
    side = SideThread("test")
    future = side.do(lambda: 3)
    side.close()
    side.close()
    assert future.result(10) == 3
    for thread in threading.enumerate():
        if thread.name == "test":
            thread.join(10)
    assert threading.active_count() <= before
