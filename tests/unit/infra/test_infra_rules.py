"""Names, labels, outputs, and where a policy lets the bucket's traffic go."""

import subprocess
import sys

import pytest

from infra import naming, outputs, values
from infra.storage.access import destination
from infra.tags import Labels

DEPLOYED = {
    "environment": "local",
    "namespace": "berth-local",
    "bucket": "berth-local",
    "s3_endpoint_url": "http://10.213.0.1:9000",
    "predict_url": "http://10.213.32.1",
    "service": "digits",
    "model_name": "digits",
    "training": {
        "accuracy": 0.985,
        "steps": 276,
        "duration_seconds": 12.5,
        "run_prefix": "runs/digits/1a2b3c4d",
        "job": "digits-training-1a2b3c4d",
    },
}


def test_a_digest_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert naming.digest({"a": 1, "b": 2}) == naming.digest({"b": 2, "a": 1})
    assert naming.digest({"a": 1}) != naming.digest({"a": 2})
    assert naming.digest({"a": 1}) != naming.digest({"a": "1"})
    assert len(naming.digest({})) == 8


def test_a_short_label_is_its_parts() -> None:
    assert naming.dns_label("digits", "training", "1a2b3c4d") == "digits-training-1a2b3c4d"


def test_a_long_label_is_cut_to_what_kubernetes_takes_and_stays_apart() -> None:
    one, other = (naming.dns_label("m" * 62, role) for role in ("training", "inference"))
    assert len(one) == len(other) == 63
    assert one != other


def test_a_label_cut_at_a_dash_has_no_two() -> None:
    assert "--" not in naming.dns_label("a" * 53, "b" * 40)


def test_names_of_runs_and_images() -> None:
    assert naming.run_prefix("digits", "1a2b3c4d") == "runs/digits/1a2b3c4d"
    assert (
        naming.image_reference("r.example.org:5000", "berth/train", "ff")
        == "r.example.org:5000/berth/train:ff"
    )


def test_a_selector_holds_nothing_that_may_change() -> None:
    mine, theirs = (Labels(environment="local", owner=owner) for owner in ("me", "them"))
    assert mine.selector("digits", "inference") == theirs.selector("digits", "inference")
    assert mine.of("digits", "inference").items() >= mine.selector("digits", "inference").items()
    assert mine.of("digits", "inference")["berth.dev/owner"] == "me"


def test_everything_says_whose_it_is() -> None:
    assert Labels(environment="local", owner="me").common() == {
        "app.kubernetes.io/managed-by": "berth",
        "app.kubernetes.io/part-of": "berth",
        "berth.dev/environment": "local",
        "berth.dev/owner": "me",
    }


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://10.213.0.1:9000", ("10.213.0.1/32", 9000)),
        ("http://10.213.0.1", ("10.213.0.1/32", 80)),
        ("https://s3.eu-central-1.amazonaws.com", ("0.0.0.0/0", 443)),
    ],
)
def test_traffic_to_the_bucket_is_let_out_as_narrowly_as_a_policy_can(
    endpoint: str, expected: tuple[str, int]
) -> None:
    assert destination(endpoint) == expected


def test_quantities() -> None:
    assert (values.millicores("1.5"), values.millicores("250m"), values.millicores("2")) == (1500, 250, 2000)
    assert (values.byte_count("2Gi"), values.byte_count("512Mi")) == (2 * 2**30, 512 * 2**20)


def test_outputs_read_back_are_those_exported() -> None:
    read = outputs.from_mapping(DEPLOYED)
    assert read.predict_url == "http://10.213.32.1"
    assert (read.training.accuracy, read.training.steps) == (0.985, 276)
    assert set(read.exports()) == set(DEPLOYED)


def test_numbers_of_outputs_are_numbers_however_they_were_written() -> None:
    training = {**DEPLOYED["training"], "steps": 276.0, "accuracy": "0.985"}  # type: ignore[dict-item]
    read = outputs.from_mapping({**DEPLOYED, "training": training})
    assert (read.training.steps, read.training.accuracy) == (276, 0.985)


def test_an_output_that_nobody_asked_for_does_no_harm() -> None:
    assert outputs.from_mapping({**DEPLOYED, "more": 1}).service == "digits"


def test_missing_outputs_are_named() -> None:
    with pytest.raises(KeyError, match="predict_url, service"):
        outputs.from_mapping({k: v for k, v in DEPLOYED.items() if k not in {"predict_url", "service"}})


@pytest.mark.parametrize("module", ["infra.outputs", "infra.naming", "infra.tags"])
def test_what_the_command_line_reads_needs_no_pulumi(module: str) -> None:
    program = f"import sys, {module}; print(sorted({{'pulumi', 'pydantic', 'boto3'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
