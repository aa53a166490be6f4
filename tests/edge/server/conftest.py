"""A broker for a module, a server of PostgreSQL for a session, a database for a test."""

from __future__ import annotations

import pytest

from edge.server.brokers import EmbeddedBroker
from edge.server.store import open_store
from tests.edge.server import databases
from tests.edge.server.databases import fresh

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker(prefer="mosquitto") as broker:
        yield broker


@pytest.fixture
def path(tmp_path):
    return tmp_path / "collector.db"


@pytest.fixture
def url(postgres):
    """A new database of PostgreSQL."""
    return postgres.create()


@pytest.fixture(params=ENGINES)
def database(request, tmp_path):
    """Where a new database is to be, of each engine."""
    return fresh(request.param, tmp_path, request)


@pytest.fixture
def store(database):
    store = open_store(database)
    yield store
    store.close()


@pytest.fixture
def rows(database):
    return lambda query: databases.rows(database, query)
