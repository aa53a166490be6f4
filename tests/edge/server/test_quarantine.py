"""What is no message: looked at, counted, and no more of it kept than is of use."""

from __future__ import annotations

from edge.messages import MAX_MESSAGE_BYTES
from edge.server import quarantine
from edge.server.arrival import examine
from edge.server.quarantine import SAMPLE_BYTES
from tests.edge.server.databases import arrival, garbage, watermark_of


def nameless(number, size=2):
    return garbage(data=number.to_bytes(size, "big"))


def test_of_things_without_a_key_the_newest_are_kept(store, rows, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST_NAMELESS", 20)
    store.commit([garbage(1, b"with a key"), arrival("hit", 2)])
    for number in range(0, 100, 10):
        receipt = store.commit([nameless(one) for one in range(number, number + 10)])
        assert (receipt.quarantined, receipt.reasons) == (10, {"invalid": 10})
    payloads = {bytes(one) for (one,) in rows("SELECT payload FROM quarantine")}
    assert payloads == {b"with a key", *(number.to_bytes(2, "big") for number in range(80, 100))}
    assert watermark_of(store) == 2


def test_the_same_thing_again_takes_no_place(store, rows, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST_NAMELESS", 2)
    for _ in range(30):
        store.commit([nameless(1), nameless(2)])
    assert rows("SELECT times FROM quarantine ORDER BY id") == [(30,), (30,)]


def test_of_what_can_never_be_a_message_the_beginning_is_kept(store, rows):
    large = b"x" * (MAX_MESSAGE_BYTES + 1)
    store.commit([garbage(1, large), garbage(2, large[:-1]), garbage(data=large + b"y")])
    found = rows(
        "SELECT reason, detail, seq, length(payload) FROM quarantine ORDER BY coalesce(seq, 9)"
    )
    assert [(reason, seq, size) for reason, _, seq, size in found] == [
        ("oversized", 1, SAMPLE_BYTES),
        ("invalid", 2, MAX_MESSAGE_BYTES),
        ("oversized", None, SAMPLE_BYTES),
    ]
    assert found[0][1].endswith(f"of 1000001 bytes the first {SAMPLE_BYTES} are kept")
    assert store.commit([garbage(1, large)]).duplicates == 1  # known by all of it
    assert store.readmit() == 0


def test_what_comes_on_odd_topics_is_put_aside_and_answered_to_nobody(store, rows):
    body = arrival("hit", 1).payload
    topics = [
        f"cosmic-edge/v1/{rig}/{kind}"
        for rig in (
            "",
            "Cellar-1",
            "cellar-1\n",
            "a" * 65,
            "cellar 1",
            "..",
            "\u00fc",
            "\x00",
            "%s",
            "{rig}",
        )
        for kind in ("hit", "")
    ] + [
        "cosmic-edge/v1/cellar-1",
        "cosmic-edge/v1/cellar-1/hit/more",
        "hit",
        "cosmic-edge/v2/cellar-1/hit",
    ]
    receipt = store.commit(
        [examine(topic, body, {"epoch": "0" * 16, "seq": "1"}) for topic in topics]
    )
    assert (receipt.stored, receipt.quarantined, receipt.answers) == (0, len(topics), ())
    assert rows("SELECT count(*) FROM rigs") == [(0,)]
    assert rows("SELECT count(*) FROM quarantine WHERE rig IS NULL") == [(len(topics),)]
