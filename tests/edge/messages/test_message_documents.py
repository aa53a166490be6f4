from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from edge.messages import MESSAGE_TYPES, TOPICS, split_topic, topic
from edge.messages.generate import documents, main, write
from edge.messages.schema import json_schema, schema_models
from tests.message_examples import message

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_published_documents_are_what_the_code_says() -> None:
    for name, text in documents().items():
        published = (DOCS / name).read_text(encoding="utf-8")
        assert published == text, f"docs/{name} is old: run python -m edge.messages.generate docs"
    known = {Path(name).name for name in documents()}
    assert {path.name for path in (DOCS / "schemas").iterdir()} <= known


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_a_good_message_passes_its_json_schema_and_a_bad_one_does_not(kind: str) -> None:
    schema = json_schema(f"{kind}-1")
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator.validate(message(kind))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(message(kind) | {"colour": "red"})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(message(kind) | {"seq": 0})


def test_every_field_of_every_message_is_described() -> None:
    for name in schema_models():
        schema = json_schema(name)
        parts = [schema, *schema.get("$defs", {}).values()]
        for part in parts:
            for field, value in part.get("properties", {}).items():
                # A text that is also its type's own stands there alone.
                own = schema.get("$defs", {}).get(value.get("$ref", "").rpartition("/")[2], value)
                described = value.get("description") or own.get("description")
                assert described, f"{name}: {part['title']}.{field}"


def test_the_asyncapi_document_names_every_topic_with_qos_and_retain() -> None:
    document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {f"cosmic-edge/v1/{{rig}}/{name}" for name in TOPICS}
    for operation in document["operations"].values():
        binding = operation["bindings"]["mqtt"]
        channel = document["channels"][operation["channel"]["$ref"].rsplit("/", 1)[1]]
        known = TOPICS[channel["address"].split("{rig}/")[1]]
        assert (binding["qos"], binding["retain"]) == (known.qos, known.retain)
        assert (operation["action"] == "send") == (known.writer == "rig")
    for channel in document["components"]["messages"].values():
        if "payload" in channel:
            assert json.loads((DOCS / channel["payload"]["$ref"]).read_text(encoding="utf-8"))


def test_topics_are_taken_apart_as_they_are_put_together() -> None:
    for name in TOPICS:
        assert split_topic(topic("cellar-1", name)) == ("cellar-1", name)
    for other in (
        "",
        "hit",
        "cosmic-edge/v2/a/hit",
        "cosmic-edge/v1/a/muon",
        "x/cosmic-edge/v1/a/hit",
    ):
        assert split_topic(other) is None


def test_the_generator_writes_a_folder_and_says_bad_use(tmp_path: Path) -> None:
    assert len(write(tmp_path)) == len(documents())
    assert main([]) == 2
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 1
