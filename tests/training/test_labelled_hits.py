"""A rig's own hits with a table of labels: ids, votes, groups, and what is said of a slip."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.classification.classes import CLASSES
from edge.delivery.database import open_database
from edge.errors import BadUse
from edge.messages import encode
from tests.edge.hits.made import START_NS, message, track
from training.labelled import NO_LABEL, read_labelled
from training.labelled_hits import read_labelled_hits
from training.own_hits import read_own

Message = dict[str, Any]
MINUTE_NS = 60_000_000_000


def write(folder: Path, messages: list[Message], name: str = "hits.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(encode(one) + b"\n" for one in messages))
    return path


def label(folder: Path, *rows: str, head: str = "id,label", name: str = "labels.csv") -> None:
    (folder / name).write_text("\n".join([head, *rows]) + "\n")


def test_hits_get_the_labels_of_their_ids_and_keep_their_raw_counts(tmp_path: Path) -> None:
    one, two, three = (message(seq) for seq in (1, 2, 3))
    path = write(tmp_path, [one, two, three])
    label(tmp_path, f"{two['id']},worm", f"{one['id'][:8].upper()},spots", "00000000beef,track")
    for given in (tmp_path, path, tmp_path / "labels.csv"):
        crops = read_labelled(given)
        assert [CLASSES[i] for i in crops.label] == ["spot", "worm"]
        assert crops.confident.all()
        assert crops.pixels[0].dtype == np.uint16
        assert (crops.pixels[0] == track()).all()
        assert crops.places == ((30, 30), (30, 30))
        assert crops.left_out == {"hit without a label": 1, "label of a hit that is not there": 1}


@pytest.mark.parametrize("name", ["hits.csv", "hits.jsonl.csv"])
def test_a_table_may_be_named_after_its_hits(tmp_path: Path, name: str) -> None:
    one = message(1)
    write(tmp_path, [one])
    label(tmp_path, f"{one['id']},track", name=name)
    assert read_labelled(tmp_path).label.tolist() == [CLASSES.index("track")]


def test_a_rig_s_state_folder_is_read_and_its_refused_are_not(tmp_path: Path) -> None:
    one = message(1)
    with contextlib.closing(open_database(tmp_path / "rig.sqlite")) as database:
        key = (one["epoch"], one["seq"], one["time_utc"], one["class"], one["peak_adu"])
        row = (*key, 1, 0, encode(one).decode())
        database.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    write(tmp_path, [message(2)], "refused.jsonl")
    label(tmp_path, f"{one['id']},artefact")
    crops = read_labelled(tmp_path)
    assert (crops.label.tolist(), crops.left_out) == ([3], {})


def test_votes_become_shares_and_say_how_sure_people_were(tmp_path: Path) -> None:
    hits = [message(seq) for seq in range(1, 5)]
    write(tmp_path, hits)
    judged = ["track,0.1,0.7,0.2,0", "worm,0,0,2,0", ",0.5,0.5,0,0", ",,,,"]
    rows = [f"{hit['id']},{row}" for hit, row in zip(hits, judged, strict=True)]
    label(tmp_path, *rows, head="id,label,vote_spot,vote_track,vote_worm,vote_artefact")
    crops = read_labelled(tmp_path)
    assert crops.label.tolist() == [1, 2, NO_LABEL]
    assert crops.confident.tolist() == [False, True, False]
    expected = np.array([[0.1, 0.7, 0.2, 0], [0, 0, 1, 0], [0.5, 0.5, 0, 0]])
    assert crops.votes == pytest.approx(expected)
    assert crops.left_out == {"hit without a label": 1}


def test_artefacts_of_a_place_are_one_group_and_other_hits_those_of_a_minute(
    tmp_path: Path,
) -> None:
    start_ns = START_NS - START_NS % MINUTE_NS
    hits = [
        message(1, x_px=128, y_px=240, time_ns=start_ns + 1_000_000),
        message(2, x_px=130, y_px=247, time_ns=start_ns + 5 * MINUTE_NS),
        message(3, x_px=136, y_px=240, time_ns=start_ns + 5 * MINUTE_NS),
        message(4, time_ns=start_ns + 1_000_000),
        message(5, time_ns=start_ns + 59 * MINUTE_NS // 60),
        message(6, time_ns=start_ns + 5 * MINUTE_NS),
        message(7, time_ns=start_ns + 5 * MINUTE_NS, rig="cellar"),
    ]
    write(tmp_path, hits)
    kinds = ["artefact"] * 3 + ["track"] * 4
    label(tmp_path, *(f"{hit['id']},{kind}" for hit, kind in zip(hits, kinds, strict=True)))
    group = read_labelled(tmp_path).group
    assert group[0] == group[1]
    assert group[3] == group[4]
    assert len(set(group)) == 5


def test_what_was_read_and_what_was_left_out_is_all_that_lay_there(tmp_path: Path) -> None:
    hits = [message(seq) for seq in range(1, 5)]
    hits.append(message(5, origin="injection"))
    path = write(tmp_path, hits)
    with path.open("ab") as file:
        file.write(b'{"schema":"cosmic-edge/hit/1"}\n')
    label(tmp_path, f"{hits[0]['id']},spot", f"{hits[1]['id']},muon")
    crops = read_labelled(tmp_path)
    assert crops.left_out == {
        "hit of another class": 1,
        "hit without a label": 2,
        "injected by the rig itself": 1,
        "line of hits that can't be read": 1,
    }
    assert len(crops) + sum(crops.left_out.values()) == 6


@pytest.mark.parametrize(
    ("rows", "head", "said"),
    [
        (["ID,spot"], "id,name", "has no column label"),
        (["ID,spot"], "hit,label", "has no column id"),
        (["ID[:7],spot"], "id,label", "line 2: .*too short"),
        (["ID,spot", "ID[:9],worm"], "id,label", "line 3: .*has a label already"),
        (["ID,spot,few"], "id,label,vote_spot", "line 2: a vote is no number"),
    ],
)
def test_a_slip_in_the_table_is_one_line_with_its_place(
    tmp_path: Path, rows: list[str], head: str, said: str
) -> None:
    one = message(1)
    write(tmp_path, [one])
    cut = {"ID[:7]": one["id"][:7], "ID[:9]": one["id"][:9], "ID": one["id"]}
    for mark, text in cut.items():
        rows = [row.replace(mark, text) for row in rows]
    label(tmp_path, *rows, head=head)
    with pytest.raises(BadUse, match=said) as raised:
        read_labelled(tmp_path)
    assert "\n" not in str(raised.value)


def test_an_id_that_several_hits_begin_with_is_refused(tmp_path: Path) -> None:
    # Ids are hashes: among a few none begin alike, so one is written by hand.
    own = list(read_own([write(tmp_path, [message(1), message(2)])], Counter()))
    beginning = own[0].hit.message.id[:12]
    alike = own[1].hit.message.model_copy(update={"id": beginning + "f" * 20})
    own[1] = replace(own[1], hit=replace(own[1].hit, message=alike))
    table = tmp_path / "labels.csv"
    label(tmp_path, f"{beginning},spot")
    with pytest.raises(BadUse, match="line 2: several hits begin with"):
        list(read_labelled_hits([table], own, Counter()))
    label(tmp_path, f"{alike.id},spot")
    assert len(list(read_labelled_hits([table], own, Counter()))) == 1


@pytest.mark.parametrize("table", ["", "id,label\n"])
def test_hits_that_nobody_labelled_are_counted_in_the_refusal(tmp_path: Path, table: str) -> None:
    path = write(tmp_path, [message(1), message(2)])
    if table:
        (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(BadUse, match="2 left out: hit without a label"):
        read_labelled(path)


def test_a_newer_hits_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "hits.jsonl"
    path.write_text('{"schema":"cosmic-edge/hit/9"}\n')
    with pytest.raises(BadUse, match="newer"):
        read_labelled(path)
