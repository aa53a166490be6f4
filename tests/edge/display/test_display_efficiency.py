"""Measured efficiency on the screen."""

from __future__ import annotations

from edge.display import Snapshot, render, summary_table
from edge.display.efficiency import efficiency_line
from edge.injection.tally import InjectionTally
from edge.injection.trial import Trial
from tests.edge.display.test_display_view import text_of


def measured(found: int, missed: int) -> dict[str, object]:
    tally = InjectionTally()
    for _ in range(found):
        tally.count(Trial("spot", 12.5))
    for _ in range(missed):
        tally.count(Trial("track", 4.5, "not_triggered"))
    return tally.summary(0.01)


def test_the_line_gives_share_number_interval_and_bins():
    line = efficiency_line(measured(90, 10))
    assert line == (
        "90.0 % of 100 injected particles found (95 %: 82.6 to 94.5 %) · 4 to 5 sigma 0.0 % · "
        "12 to 15 sigma 100.0 %"
    )


def test_before_the_first_particle_it_says_so():
    assert efficiency_line(measured(0, 0)) == "no particle injected yet"


def test_live_table_and_summary_show_it_only_where_it_is_measured():
    shown = text_of(render(Snapshot(hits=1, efficiency=measured(90, 10))), width=120)
    assert "90.0 % of 100 injected particles found" in shown
    assert "efficiency" not in text_of(render(Snapshot(hits=1)))
    summary = text_of(summary_table({"hits": 1, "injection": measured(90, 10)}), width=120)
    assert "efficiency" in summary
    assert "12 to 15 sigma 100.0 %" in summary


def test_no_less_than_all_is_a_hundred_per_cent():
    assert "100.0 % of" not in efficiency_line(measured(4999, 1))
    assert "99.9 % of 5,000" in efficiency_line(measured(4999, 1))
