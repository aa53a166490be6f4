"""Which runtime runs a model, with the runtimes that are installed here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from edge.classification.hush import hushed
from edge.classification.probe import probe
from edge.classification.runtime import NotLoaded, Runtime, fault_of, installed, load
from tests.edge.classification.made import TINY, Scripted, even

KEYS = [key for key in ("litert", "tflite-runtime") if installed(key) is not None]
MODEL = TINY.read_bytes()


def runtime(key: str) -> Runtime:
    found = installed(key)
    assert found is not None
    return found


def test_there_is_a_runtime_here():
    assert KEYS


@pytest.mark.parametrize("key", KEYS)
def test_an_installed_runtime_runs_the_model_and_says_its_version(key):
    loaded = load(MODEL, [runtime(key)], probe)
    assert loaded.runtime.startswith(f"{key} ")
    assert loaded.runtime[len(key) + 1].isdigit()
    answer = loaded.runner(crop=np.zeros((1, 60, 60, 2), np.float32))
    assert {name: value.shape for name, value in answer.items()} == {
        "scores": (1, 4),
        "votes": (1, 4),
    }


def test_a_runtime_that_fails_gives_way_to_the_next():
    def broken(model: bytes, threads: int) -> Scripted:
        raise SystemError("built for another NumPy")

    loaded = load(MODEL, [Runtime("broken 1", broken), Runtime("app", lambda *_: Scripted())])
    assert loaded.runtime == "app"


def test_one_that_only_fails_when_it_runs_gives_way_as_well():
    def late() -> dict[str, np.ndarray]:
        raise RuntimeError("FULLY_CONNECTED version 12")

    first = Runtime("late 1", lambda *_: Scripted(late))
    assert load(MODEL, [first, Runtime("app", lambda *_: Scripted())]).runtime == "app"


def test_where_none_works_each_says_why_and_whose_fault_it_is():
    def unfit(model: bytes, threads: int) -> Scripted:
        raise ImportError("numpy.core.multiarray\nfailed to import")

    nan = np.full((1, 4), np.nan, np.float32)
    broken = Runtime("app", lambda *_: Scripted(lambda: even(scores=nan)))
    with pytest.raises(NotLoaded) as caught:
        load(MODEL, [Runtime("old 1", unfit), broken])
    assert [(fault.runtime, fault.of_model) for fault in caught.value.faults] == [
        ("old 1", False),
        ("app", True),
    ]
    assert "ImportError: numpy.core.multiarray failed to import" in str(caught.value)
    assert "not finite" in str(caught.value)


@pytest.mark.parametrize("version", ["2.4.6", "1.26.4"])
def test_the_old_runtime_beside_a_new_numpy_is_told_plainly(version, monkeypatch):
    monkeypatch.setattr(np, "__version__", version)
    fault = fault_of(
        Runtime("tflite-runtime 2.14.0", lambda *_: Scripted(), "tflite-runtime"),
        SystemError("<built-in method> returned a result with an exception set"),
    )
    assert ("needs NumPy below 2" in fault.why) == version.startswith("2")
    assert not fault.of_model


def test_an_interpreter_gets_the_bytes_and_one_thread():
    asked = []

    def factory(model: bytes, threads: int) -> Scripted:
        asked.append((model, threads))
        return Scripted()

    load(MODEL, [Runtime("app", factory)])
    assert asked == [(MODEL, 1)]


def test_what_no_other_process_can_have_is_not_tried_there():
    assert probe(b"", Runtime("app", lambda *_: Scripted())) is None


@pytest.mark.parametrize("key", KEYS)
def test_a_try_that_takes_too_long_is_given_up(key):
    fault = probe(MODEL, runtime(key), timeout_s=0.001)
    assert fault is not None
    assert "no answer" in fault.why


@pytest.mark.parametrize("key", KEYS)
def test_a_process_that_is_killed_is_a_fault(key, monkeypatch, tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    fault = probe(MODEL, runtime(key))
    assert fault is not None
    assert (fault.of_model, "SIGSEGV" in fault.why) == (True, True)
    program.write_text("#!/bin/sh\nkill -ILL $$\n")
    fault = probe(MODEL, runtime(key))
    assert fault is not None
    assert not fault.of_model  # the processor has not what the library was built for


def test_no_process_to_try_it_in_means_it_is_not_risked(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    fault = probe(MODEL, runtime(KEYS[0]))
    assert fault is not None
    assert not fault.of_model


# -- standard error --------------------------------------------------------------------------


def alone(code: str) -> subprocess.CompletedProcess[str]:
    """Run it in a Python of its own, which finds what this one finds."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_loading_a_model_leaves_the_terminal_clean():
    ended = alone(
        "import sys; from pathlib import Path; from edge.classification.runtime import load; "
        f"load(Path({str(TINY)!r}).read_bytes()); sys.stderr.write('after\\n')"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "after\n")


def test_only_chatter_is_kept_back(capfd):
    with hushed():
        os.write(2, b"INFO: Created a delegate.\nERROR: disk full\n")
    os.write(2, b"next\n")
    assert capfd.readouterr().err == "ERROR: disk full\nnext\n"


def test_standard_error_comes_back_after_a_fault_and_from_many_threads(capfd):
    def work() -> None:
        for _ in range(50):
            try:
                with hushed():
                    os.write(2, b"INFO: chatter\n")
                    raise ValueError
            except ValueError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"


def test_without_standard_error_nothing_breaks():
    hushed_without = (
        "import os; os.close(2); from edge.classification.hush import hushed\n"
        "with hushed(): print('on')"
    )
    ended = alone(hushed_without)
    assert (ended.returncode, ended.stdout) == (0, "on\n")
