"""Vetoes of one frame: rows, columns, edges; real hits pass."""

from __future__ import annotations

import pytest
from scipy import stats

from edge.stages.frame_veto import FrameVeto, aligned_limit, is_thin_line
from tests.edge.candidates import candidate


def reasons(*candidates: object, **settings: object) -> list[str | None]:
    return FrameVeto(**settings).reasons(candidates, 80, 100)  # type: ignore[arg-type]


def test_a_line_over_half_of_a_row_or_a_column_is_read_out_noise() -> None:
    row = candidate(*((7, x) for x in range(20, 75)))
    column = candidate(*((y, 3) for y in range(10, 55)))
    assert reasons(row, column) == ["row_column", "row_column"]


def test_a_track_along_a_row_and_a_slanted_one_are_not() -> None:
    along = candidate(*((7, x) for x in range(20, 60)))
    slanted = candidate(*((10 + x // 9, x) for x in range(20, 90)))
    assert reasons(along, slanted) == [None, None]


def test_many_candidates_in_one_row_are_refused_the_others_pass() -> None:
    crowd = [candidate((40, x)) for x in range(0, 90, 12)]
    other = candidate((3, 50))
    assert reasons(*crowd, other) == ["row_column"] * 8 + [None]


def test_a_few_particles_in_one_row_and_a_grid_of_them_pass() -> None:
    few = [candidate((40, x)) for x in range(0, 90, 18)]
    assert reasons(*few) == [None] * 5
    grid = [candidate((y, x)) for y in range(5, 75, 10) for x in range(5, 95, 10)]
    assert set(reasons(*grid)) == {None}


def test_the_row_veto_can_be_switched_off() -> None:
    row = candidate(*((7, x) for x in range(5, 95)))
    assert reasons(row, row_column=False) == [None]


@pytest.mark.parametrize(("y", "x"), [(0, 50), (2, 50), (79, 50), (40, 0), (40, 97)])
def test_the_edge_is_refused_where_it_is_asked_for(y: int, x: int) -> None:
    assert reasons(candidate((y, x)), edge_px=3) == ["edge"]
    assert reasons(candidate((y, x))) == [None]


def test_the_edge_ends_where_it_says() -> None:
    assert reasons(candidate((3, 3)), edge_px=3) == [None]


@pytest.mark.parametrize(("candidates", "lines"), [(5, 1000), (50, 255), (300, 255)])
def test_chance_alone_fills_a_row_in_fewer_than_one_frame_in_ten_thousand(
    candidates: int, lines: int
) -> None:
    limit = aligned_limit(candidates, lines)
    assert lines * stats.poisson.sf(limit - 1, candidates / lines) <= 1e-4 or limit > candidates
    assert limit >= 6


def test_a_single_pixel_is_no_line_nor_is_half_a_row_of_a_tiny_frame() -> None:
    assert not is_thin_line(candidate((1, 1)), 10, 10)
    assert not is_thin_line(candidate(*((1, x) for x in range(10))), 10, 10)
    assert is_thin_line(candidate(*((1, x) for x in range(20))), 40, 40)
