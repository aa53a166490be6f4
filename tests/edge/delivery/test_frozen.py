"""What leaves: the committed message with its floor, cheaply."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.delivery.outbox import Outbox
from edge.delivery.transport import _Packed
from edge.detection import Draft
from edge.messages import encode

_FULL = 2
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
BODIES = st.dictionaries(
    TEXTS | st.sampled_from(["floor ", 'x"floor":9,', "deep"]),
    st.integers() | TEXTS | st.just('"floor":7,') | st.dictionaries(st.just("floor"), TEXTS),
    max_size=4,
)


@given(bodies=st.lists(BODIES, min_size=1, max_size=6), gone=st.integers(0, 5))
def test_a_frozen_message_is_the_committed_one_with_the_floor_of_its_first_send(bodies, gone):
    with TemporaryDirectory() as folder:
        outbox = Outbox.open(Path(folder), "cellar-1")
        try:
            seqs = outbox.commit([Draft("lost", body, "camera") for body in bodies])
            first = seqs[:gone]
            outbox.freeze(outbox.epoch, first)
            if first:
                outbox.acknowledge(outbox.epoch, first[-1])
            floor = len(first) + 1
            frozen = outbox.freeze(outbox.epoch, [*seqs, 99])
            assert [one.seq for one in frozen] == seqs[gone:]
            for one, body in zip(frozen, bodies[gone:], strict=True):
                message = json.loads(one.payload)
                assert one.payload == encode(message)
                assert message["floor"] == one.floor == floor
                assert {name: message[name] for name in body} == body
            assert outbox.freeze(outbox.epoch, seqs) == frozen
        finally:
            outbox.close()


@given(st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_properties_are_what_paho_reads_back(pairs):
    data = _Packed(pairs).pack()
    read = Properties(PacketTypes.PUBLISH)
    read.unpack(data)
    assert read.PayloadFormatIndicator == 1
    assert read.ContentType == "application/json"
    assert dict(getattr(read, "UserProperty", [])) == pairs
    written = Properties(PacketTypes.PUBLISH)
    written.PayloadFormatIndicator = 1
    written.ContentType = "application/json"
    if pairs:
        written.UserProperty = list(pairs.items())
    assert len(data) == len(written.pack())


def test_whatever_need_not_wait_for_the_disk_leaves_the_next_commit_waiting_for_it(tmp_path: Path):
    outbox = Outbox.open(tmp_path, "cellar-1")
    store = outbox._store

    def fails(*_):
        raise ValueError("a defect")

    seqs = outbox.commit([Draft("lost", {}, "camera")])
    outbox.freeze(outbox.epoch, seqs)
    assert store.read(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (_FULL,)
    with pytest.raises(ValueError, match="a defect"):
        store.write(fails, durable=False)
    assert store.read(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (_FULL,)
    outbox.acknowledge(outbox.epoch, seqs[-1])
    assert store.read(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (_FULL,)
    outbox.close()
