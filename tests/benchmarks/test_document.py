"""The tables of docs/performance.md are made from a run."""

from __future__ import annotations

import pytest

from benchmarks.document import DOCUMENT, TABLES, filled

FOUND = {
    "cost_against_hits": {"ms_by_particles": {"0": 0.1234, "1000": 123.4}},
    "cost_against_hits_written": {"ms_by_particles": {"0": 0.2}},
    "cost_against_hits_limited": {"ms_by_particles": {"0": 0.3, "1000": 2.345, "3000": 5.0}},
}


def test_a_table_is_written_anew_and_the_text_around_it_stays():
    text = "Before.\n\n<!-- hits -->\nold\n<!-- end -->\n\nAfter."
    made = filled(text, FOUND)
    assert made.startswith("Before.\n\n<!-- hits -->\n| particles |")
    rows = ["| 0 | 0.123 | 0.200 | 0.300 |", "| 1,000 | 123 |  | 2.35 |", "| 3,000 |  |  | 5.00 |"]
    assert "\n".join([*rows, "<!-- end -->"]) in made
    assert made.endswith("\n\nAfter.")
    assert filled(made, FOUND) == made


def test_what_was_not_measured_stays_as_it_is(capsys):
    text = "<!-- memory -->\nold\n<!-- end -->"
    assert filled(text, FOUND) == text
    assert "peak_memory" in capsys.readouterr().err


def test_a_table_nobody_knows_is_an_error():
    with pytest.raises(ValueError, match="no table zzz"):
        filled("<!-- zzz -->\n<!-- end -->", FOUND)


def test_the_document_has_every_table_once():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert {name: text.count(f"<!-- {name} -->") for name in TABLES} == dict.fromkeys(TABLES, 1)
    assert text.count("<!-- end -->") == len(TABLES)
