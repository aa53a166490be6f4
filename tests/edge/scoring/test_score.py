"""A score's sums, rates and reasons, from files of a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edge.errors import BadUse, Failed
from edge.scoring import Score, score_files
from tests.edge.scoring.lines import HEIGHT, WIDTH, Line, exposure, hit, particle, track, write


def scored(
    folder: Path,
    truth: list[Line],
    hits: list[Line],
    records: list[Line] | None = None,
    **options: Any,
) -> Score:
    hits_path = write(folder / "hits.jsonl", hits)
    if records is not None:
        write(folder / "hits.jsonl.exposure.jsonl", records)
    return score_files(hits_path, write(folder / "truth.jsonl", truth), **options)


def report(*arguments: Any, **options: Any) -> dict[str, Any]:
    return dict(json.loads(json.dumps(scored(*arguments, **options).to_json())))


def test_the_contract_is_kept(tmp_path: Path) -> None:
    truth = [particle(0, 10, 10), track(1, 50, 50, 5), particle(2, 90, 90, peak_sigma=5.5)]
    hits = [hit(0, 10, 10), hit(1, 50, 50), hit(1, 54, 50), hit(9, 200, 200)]
    got = report(tmp_path, truth, hits, [exposure(100, live_s=1800)])
    assert (got["detectable"], got["found"], got["efficiency"]) == (2, 2, 1.0)
    assert (got["hits"], got["true_hits"], got["duplicates"], got["false_hits"]) == (4, 2, 1, 1)
    assert got["purity"] == 0.5
    assert got["false_hits_per_hour"] == 2.0
    assert got["false_hits_per_hour_limit_95"] == pytest.approx(2 * 4.7439, rel=1e-4)
    assert set(got["by_class"]) == {"spot", "track"}
    assert set(got["by_class"]["spot"]) == {"detectable", "found", "efficiency", "low", "high"}
    assert got["not_detectable"] == {"faint": 1}


def test_no_hit_is_an_efficiency_of_zero_and_no_purity(tmp_path: Path) -> None:
    got = report(tmp_path, [particle(0, 10, 10)], [], [exposure(10)])
    assert (got["efficiency"], got["purity"], got["hits"]) == (0.0, None, 0)
    assert got["missed"] == {"unknown": 1}
    assert got["missed_list"][0]["peak_sigma"] == 50.0


def test_a_truth_without_a_particle_has_no_efficiency(tmp_path: Path) -> None:
    got = report(tmp_path, [], [hit(0, 10, 10)], [exposure(10)])
    assert (got["efficiency"], got["detectable"], got["false_hits"]) == (None, 0, 1)


def test_what_the_frame_did_not_hold_is_not_detectable(tmp_path: Path) -> None:
    truth = [
        particle(None, 1, 1, status="missing", sequence=7),
        particle(1, 1, 1, status="bad"),
        particle(2, 1, 1, covered=False),
        particle(3, WIDTH, 1),
        particle(4, 1, -1),
        particle(5, 1, 1, peak_sigma=9.99),
        particle(6, 1, 1, peak_sigma=10),
    ]
    got = report(tmp_path, truth, [], [exposure(100)])
    assert got["detectable"] == 1
    assert got["not_detectable"] == {
        "missing": 1,
        "bad": 1,
        "uncovered": 1,
        "outside": 2,
        "faint": 1,
    }


def test_a_span_in_which_the_rig_searched_nothing_holds_nothing_detectable(
    tmp_path: Path,
) -> None:
    records = [
        exposure(0, frames={"expected": 10, "calibrating": 10}),
        exposure(10),
        exposure(4, frames={"expected": 10, "uncovered": 5, "missing": 1}),
    ]
    truth = [particle(frame, 10, 10) for frame in (9, 10, 19, 20, 29, 30)]
    got = report(tmp_path, truth, [], records)
    assert got["not_detectable"] == {"rig_calibrating": 1}
    assert got["missed"] == {"unknown": 3, "partly_uncovered": 2}


def test_a_particle_that_touches_a_found_one_is_merged(tmp_path: Path) -> None:
    truth = [track(0, 10, 10, 20), track(0, 31, 10, 5), track(0, 60, 10, 5)]
    got = report(tmp_path, truth, [hit(0, 10, 10)], [exposure(10)])
    assert got["missed"] == {"merged": 1, "unknown": 1}
    assert got["merged"] == 1


def test_a_particle_that_is_only_seen_a_frame_later_is_late_and_not_found(tmp_path: Path) -> None:
    got = report(tmp_path, [particle(0, 10, 10)], [hit(1, 10, 10)], [exposure(10)])
    assert got["missed"] == {"late": 1}
    assert (got["duplicates"], got["late_duplicates"], got["false_hits"]) == (1, 1, 0)


def test_bins_of_one_sigma_hold_what_is_fainter_than_asked_for_too(tmp_path: Path) -> None:
    peaks = [2.9, 3.0, 3.99, 7.5, 29.99, 30.0, 900.0]
    truth = [particle(i, 10, 10, peak_sigma=s) for i, s in enumerate(peaks)]
    truth += [track(50, 10, 10, 2, peak_sigma=7.2), track(51, 10, 10, 1, peak_sigma=7.2)]
    got = report(tmp_path, truth, [hit(3, 10, 10), hit(50, 10, 10)], [exposure(100)])
    bins = {one["from_sigma"]: one for one in got["by_peak"]["all"]}
    assert list(bins) == [float(low) for low in range(3, 31)]
    assert [bins[low]["detectable"] for low in (3, 4, 7, 29, 30)] == [2, 0, 3, 1, 2]
    assert bins[7]["found"] == 2
    assert bins[30]["to_sigma"] is None
    sizes = {
        name: {one["from_sigma"]: one["detectable"] for one in got["by_peak"][name]}[7]
        for name in ("one_px", "more_px")
    }
    assert sizes == {"one_px": 1, "more_px": 1}


def test_the_ideal_curve_stands_at_the_limit_where_no_false_hit_was_seen(tmp_path: Path) -> None:
    truth = [particle(0, 10, 10, peak_sigma=5.5)]
    got = report(tmp_path, truth, [hit(0, 10, 10)], [exposure(1000)])
    rate = got["false_rate"]
    assert rate["pixel_reads"] == 1000 * WIDTH * HEIGHT
    assert rate["limit_95_per_read"] == pytest.approx(2.9957 / rate["pixel_reads"], rel=1e-4)
    assert rate["ideal_at"] == "limit_95"
    assert rate["ideal_threshold_sigma"] == pytest.approx(stats.norm.isf(rate["limit_95_per_read"]))
    assert rate["ideal_expected_threshold_sigma"] == pytest.approx(7.0, abs=1e-6)
    bins = {one["from_sigma"]: one for one in got["by_peak"]["all"]}
    assert bins[5]["ideal"] == pytest.approx(stats.norm.cdf(5.5 - 5.3717), abs=1e-4)
    assert bins[5]["ideal_expected"] == pytest.approx(0.0668, abs=0.0002)


def test_the_ideal_curve_stands_at_the_measured_rate_where_there_is_one(tmp_path: Path) -> None:
    hits = [hit(i, 300, 200) for i in range(5)]
    got = report(tmp_path, [particle(0, 10, 10)], hits, [exposure(1000)])
    rate = got["false_rate"]
    assert rate["ideal_at"] == "measured"
    assert rate["measured_per_read"] == 5 / rate["pixel_reads"]


def test_without_a_live_time_there_is_no_rate(tmp_path: Path) -> None:
    got = report(tmp_path, [particle(0, 10, 10)], [hit(0, 10, 10)])
    assert got["false_hits_per_hour"] is None
    assert got["live_time_s"] is None
    assert got["by_peak"]["all"][0]["ideal"] is None
    assert got["efficiency"] == 1.0


def test_what_the_rig_injected_is_shown_beside_and_counts_as_no_hit(tmp_path: Path) -> None:
    part = {"from_sigma": 8.0, "to_sigma": 9.0, "injected": 10, "found": 7}
    injection = {
        "share": 0.05,
        "injected": 10,
        "found": 7,
        "by_peak_sigma": [part],
        "by_class": {"spot": {"injected": 10, "found": 7}},
        "missed": {"not_triggered": 3},
    }
    records = [exposure(10, injection=injection), exposure(10, injection=injection), exposure(10)]
    hits = [hit(0, 10, 10), hit(0, 99, 99, origin="injection")]
    got = report(tmp_path, [particle(0, 10, 10)], hits, records)
    assert (got["hits"], got["injected_hits_left_out"]) == (1, 1)
    own = got["injection"]
    assert (own["detectable"], own["found"], own["efficiency"]) == (20, 14, 0.7)
    assert own["by_peak"][0]["found"] == 14
    assert own["by_class"]["spot"]["detectable"] == 20
    assert own["missed"] == {"not_triggered": 6}


def test_truth_of_another_generator_needs_frame_place_and_peak_alone(tmp_path: Path) -> None:
    truth: list[Line] = [
        {"frame": 0, "x_px": 10, "y_px": 10, "peak_sigma": 20},
        {"frame": 1, "rows": [5, 6, 7], "cols": [9, 9, 9], "peak_sigma": 20},
    ]
    got = report(tmp_path, truth, [hit(0, 11, 10, series="a"), hit(1, 9, 8, series="a")])
    assert got["found"] == 2
    assert got["by_class"]["unknown"]["found"] == 2


def test_a_message_of_another_kind_between_the_hits_is_passed_over(tmp_path: Path) -> None:
    got = report(tmp_path, [particle(0, 10, 10)], [exposure(5), hit(0, 10, 10)])
    assert got["hits"] == 1


def test_a_line_that_was_cut_short_is_noted(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.jsonl", [particle(0, 10, 10)])
    hits = write(tmp_path / "hits.jsonl", [hit(0, 10, 10)])
    with hits.open("a") as file:
        file.write('{"schema": "cosmic-edge/hi')
    got = score_files(hits, truth).to_json()
    assert got["found"] == 1
    assert "line 2 is cut short" in got["notes"][0]


GOOD_TRUTH, GOOD_HIT = particle(0, 10, 10), hit(0, 10, 10)


@pytest.mark.parametrize(
    ("truth", "hits", "records", "words"),
    [
        ([{"a": 1}], [GOOD_HIT], None, "truth.jsonl, line 1: no particle: frame is missing"),
        ([particle(-1, 1, 1)], [GOOD_HIT], None, "frame is -1"),
        ([particle(0, 1, 1, peak_sigma="x")], [GOOD_HIT], None, "peak_sigma is 'x'"),
        ([particle(0, 1, 1, peak_sigma=None)], [GOOD_HIT], None, "peak_sigma is missing"),
        ([track(0, 1, 1, 3, rows=[1])], [GOOD_HIT], None, "1 rows and 3 cols"),
        ([particle(0, 1, 1, covered="no")], [GOOD_HIT], None, "covered is 'no'"),
        ([GOOD_TRUTH], [GOOD_TRUTH], None, "hits.jsonl, line 1: no hit: schema is missing"),
        ([GOOD_HIT], [GOOD_HIT], None, "peak_sigma is missing"),
        ([GOOD_TRUTH], [hit(0, 1, 1, schema="cosmic-edge/hit/2")], None, "newer than"),
        ([GOOD_TRUTH], [hit(0, 1, 1, time_utc="soon")], None, "'soon' is not UTC"),
        ([GOOD_TRUTH], [GOOD_HIT | {"frame": True}], None, "frame is True"),
        ([GOOD_TRUTH], [hit(0, 1, 1, series="b")], None, "series 'b' is not in it"),
        ([GOOD_TRUTH], [hit(0, WIDTH, 1)], [exposure(9)], "a hit at 320, 1 px in frames of 320"),
        ([GOOD_TRUTH], [GOOD_HIT], [{"schema": "x"}], "line 1: no record: schema is 'x'"),
        ([GOOD_TRUTH], [GOOD_HIT], [exposure(9, frames={"processed": -1})], "processed"),
        ([GOOD_TRUTH], [GOOD_HIT], [exposure(9, injection={"by_class": 3})], "injection"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    truth: list[Line], hits: list[Line], records: list[Line] | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(BadUse) as refused:
        scored(tmp_path, truth, hits, records)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_bad_use(tmp_path: Path) -> None:
    hits = write(tmp_path / "hits.jsonl", [GOOD_HIT])
    for arguments in ((hits, tmp_path / "none"), (tmp_path / "none", hits), (tmp_path, hits)):
        with pytest.raises((BadUse, Failed)):
            score_files(*arguments)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(0, 30),
            st.integers(0, 30),
            st.floats(0, 60),
            st.sampled_from(["ok", "ok", "ok", "bad"]),
            st.sampled_from(["spot", "track", "worm"]),
        ),
        max_size=25,
    ),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30), st.integers(0, 30)), max_size=25),
)
@settings(max_examples=60, deadline=None)
def test_the_sums_hold_whatever_the_files_hold(
    truth: list[tuple[int, int, int, float, str, str]], hits: list[tuple[int, int, int]]
) -> None:
    lines = [
        particle(frame, x, y, peak_sigma=sigma, status=status, **{"class": label})
        for frame, x, y, sigma, status, label in truth
    ]
    with TemporaryDirectory() as folder:
        got = report(Path(folder), lines, [hit(*h) for h in hits], [exposure(8)])
    assert got["found"] + sum(got["missed"].values()) == got["detectable"]
    assert got["true_hits"] + got["false_hits"] + got["duplicates"] == got["hits"] == len(hits)
    assert got["detectable"] + sum(got["not_detectable"].values()) == len(truth)
    for key in ("detectable", "found"):
        assert sum(one[key] for one in got["by_class"].values()) == got[key]
    bins = got["by_peak"]["all"]
    above = [one for one in bins if one["from_sigma"] >= got["min_sigma"]]
    assert sum(one["detectable"] for one in above) == got["detectable"]
    for one in [*bins, *got["by_class"].values()]:
        assert one["low"] <= (one["efficiency"] or 0) <= one["high"]
