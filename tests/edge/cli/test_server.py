"""`cosmic-edge server`: rigs, prune and erase from the command line."""

from __future__ import annotations

import json

import pytest

from edge.cli.main import main
from edge.server.store import open_store
from tests.edge.server.databases import arrival
from tests.edge.server.rigs import RIG


@pytest.fixture
def db(tmp_path):
    store = open_store(str(tmp_path / "c.db"))
    store.commit([arrival("hit", 1), arrival("hit", 2)])
    store.close()
    return str(tmp_path / "c.db")


def test_rigs_are_listed(db, capsys):
    assert main(["server", "rigs", "--db", db]) == 0
    assert f"{RIG} 0123456789abcdef · safe to 2 · 2 hits · last seen 20" in capsys.readouterr().out
    assert main(["server", "rigs", "--db", db, "--json"]) == 0
    [one] = json.loads(capsys.readouterr().out)["rigs"]
    assert (one["rig"], one["upto"], one["hits"]) == (RIG, 2, 2)


def test_pruning_says_how_much(db, capsys):
    assert main(["server", "prune", "--db", db, "--keep-days", "30", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": 0}


def test_erasing_wants_a_yes_and_a_rig_that_is_there(db, capsys):
    assert main(["server", "erase", RIG, "--db", db]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["server", "erase", "nobody", "--db", db, "--yes"]) == 1
    assert "no rig 'nobody'" in capsys.readouterr().err
    assert main(["server", "erase", RIG, "--db", db, "--yes"]) == 0
    assert "2 messages erased" in capsys.readouterr().out


def test_a_slip_of_the_pen_makes_no_database(tmp_path, capsys):
    assert main(["server", "rigs", "--db", str(tmp_path / "wrong.db")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
