"""Structs say what the generated schemas say, and both languages judge alike."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from captune_worker import events, spec
from captune_worker.errors import Refusal
from captune_worker.serving import messages

from worker.conftest import SCHEMAS, examples

EVENT_SCHEMA = json.loads((SCHEMAS / "event.schema.json").read_bytes())
OF_THE_SDK = {"score", "log", "gap"}


def test_every_event_of_the_schema_has_a_struct_with_its_fields() -> None:
    structs = {
        struct.__struct_config__.tag: struct
        for struct in (*events.Event.__subclasses__(), *events.Scored.__subclasses__())
        if struct.__struct_config__.tag != "Scored"
    }
    branches = {
        branch["properties"]["type"]["const"]: branch
        for branch in EVENT_SCHEMA["oneOf"]
    }
    assert set(structs) == set(branches) - OF_THE_SDK
    for kind, struct in structs.items():
        names = {field.encode_name for field in msgspec.structs.fields(struct)}
        assert names | {"type"} == set(branches[kind]["required"]), kind


def test_examples_pass_through_the_structs_unchanged() -> None:
    structs = (*events.Event.__subclasses__(), *events.Scored.__subclasses__())
    by_tag = {struct.__struct_config__.tag: struct for struct in structs}
    seen = set()
    for value in examples("event")["valid"]:
        if value["type"] in OF_THE_SDK:
            continue
        struct = msgspec.convert(value, by_tag[value["type"]])
        assert msgspec.to_builtins(struct) == value
        seen.add(value["type"])
    assert len(seen) == len(EVENT_SCHEMA["oneOf"]) - len(OF_THE_SDK)


@pytest.mark.parametrize(
    "name",
    [
        "spec",
        "resolved-spec",
        "event",
        "control",
        "serving-control",
        "serving-event",
    ],
)
def test_examples_are_judged_as_typescript_judges_them(name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    for value in examples(name)["valid"]:
        assert validator.is_valid(value)
    for case in examples(name)["invalid"]:
        assert not validator.is_valid(case["value"]), case["why"]


def test_messages_of_a_loaded_model_pass_through_their_structs_unchanged() -> None:
    for value in examples("serving-control")["valid"]:
        assert msgspec.to_builtins(messages.parse(value)) == value
    said = messages.Said.__subclasses__()
    by_tag = {struct.__struct_config__.tag: struct for struct in said}
    for value in examples("serving-event")["valid"]:
        assert (
            msgspec.to_builtins(msgspec.convert(value, by_tag[value["type"]])) == value
        )


@pytest.mark.parametrize("index", range(3))
def test_a_resolved_spec_is_read_without_loss(index: int) -> None:
    value = examples("resolved-spec")["valid"][index]
    assert msgspec.to_builtins(spec.parse(value)) == value


@pytest.mark.parametrize(
    "case", examples("resolved-spec")["invalid"], ids=lambda case: case["why"]
)
def test_a_spec_that_is_not_resolved_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        spec.parse(case["value"])
    assert caught.value.code == "SPEC_INVALID"
    assert caught.value.issues


def test_no_struct_of_the_spec_has_a_default() -> None:
    pending = [spec.Section]
    while pending:
        struct = pending.pop()
        pending += struct.__subclasses__()
        for field in msgspec.structs.fields(struct):
            assert field.required, f"{struct.__name__}.{field.name}"
