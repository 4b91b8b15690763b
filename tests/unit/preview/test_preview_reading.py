import json

import previews
import pytest

from infra.spend.preview import reading, values

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "xyz"}


def test_the_digest_and_the_events_say_the_same() -> None:
    digest = previews.recorded("digest")
    (update,) = [step for step in digest.steps if step.op == "update"]
    assert update.old is not None
    assert update.new is not None
    assert (update.old.inputs["size"], update.new.inputs["size"]) == (100, 200)
    assert update.detailed == {"size": "update"}
    events = previews.recorded("data-replaced")
    (volume,) = [step for step in events.steps if step.op == "replace" and "Volume" in step.urn]
    assert volume.keys == ("availabilityZone",)
    assert volume.detailed == {"availabilityZone": "update-replace"}
    assert volume.old is not None
    assert volume.old.parent == update.old.parent, "both know the component"


def test_findings_of_the_policy_pack_are_in_the_events() -> None:
    recording = previews.recorded("policy")
    assert [(one.policy, one.stops) for one in recording.findings] == [("encryption", True)]
    assert recording.judged
    assert recording.errors, "the engine says that the preview failed"
    assert not recording.failures, "but only for the finding"


def test_an_error_of_the_program_is_a_failure() -> None:
    (failure,) = previews.recorded("lifetime-ended").failures
    assert failure.startswith("environment aws-vm (stacks/Pulumi.aws-vm.yaml): 1 problem")


def test_a_preview_without_a_summary_was_interrupted() -> None:
    lines = (previews.DATA / "create.jsonl").read_text().splitlines()
    kept = "\n".join(line for line in lines if "summaryEvent" not in line)
    assert reading.read(kept).failures == ("it was interrupted before it was complete",)


@pytest.mark.parametrize("text", ["", "error: no stack", "[]", "{}", '{"a": 1}'])
def test_what_is_no_preview_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own or ours
        reading.read(text)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("a.b[1].c", "deep"),
        ('tags["berth:owner"]', "me"),
        ("secret", "[secret]"),
        ("secret.below", "[secret]"),
        ("later", values.AFTER_UP),
        ("later.below[0]", values.AFTER_UP),
        ("list", '["x", "(known after up)"]'),
        ("long", "(5,000 characters)"),
        ("rude", "a[2Jb"),
        ("missing", ""),
        ("a.b[7]", ""),
        ("nothing", ""),
    ],
)
def test_a_value_is_shown_in_a_few_words(path: str, shown: str) -> None:
    unknown = values.UNKNOWN
    props = {
        "a": {"b": [0, {"c": "deep"}]},
        "tags": {"berth:owner": "me"},
        "secret": SECRET,
        "later": unknown,
        "list": ["x", unknown],
        "long": "x" * 5000,
        "rude": "a\x1b[2Jb",
        "nothing": None,
    }
    assert values.at(props, path) == shown


def test_no_secret_is_shown_from_inside_a_value() -> None:
    assert "xyz" not in values.shown([{"password": SECRET}])


def test_recordings_name_no_place_of_the_machine_that_made_them() -> None:
    for file in previews.DATA.iterdir():
        text = file.read_text()
        assert "/root" not in text
        assert "127.0.0.1" not in text
        assert all(json.loads(line) for line in text.splitlines()) if file.suffix == ".jsonl" else True
