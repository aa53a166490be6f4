"""A broker for a module, a database for a test."""

from __future__ import annotations

import pytest

from edge.server.brokers import EmbeddedBroker


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker(prefer="mosquitto") as broker:
        yield broker


@pytest.fixture
def path(tmp_path):
    return tmp_path / "collector.db"
