"""Shared fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("COSMIC_EDGE_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real hits and dark frames; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA} (set COSMIC_EDGE_DATA)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this session's own; skips where it is not installed."""
    from tests.postgres import Postgres, why_not

    if reason := why_not():
        pytest.skip(reason)
    server = Postgres()
    yield server
    server.stop()


def pytest_configure() -> None:
    """Let no property fail by the clock: how fast a busy computer is says nothing of the code."""
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let properties be tried on fewer examples where a computer is emulated, and slow."""
    most = os.environ.get("COSMIC_EDGE_MOST_EXAMPLES")
    if most is None:
        return
    for item in items:
        function = getattr(item, "function", None)
        chosen = getattr(function, "_hypothesis_internal_use_settings", None)
        if chosen is not None:
            function._hypothesis_internal_use_settings = settings(
                chosen,
                max_examples=min(chosen.max_examples, int(most)),
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
