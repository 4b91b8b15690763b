"""The environment `aws-vm` with real machines: up, interrupted while it trains, verified, changed, destroyed.

The tests of this file build on one another, in the order in which they stand.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from conftest import BERTH, Run

from rehearsal import machines, session
from rehearsal.clouds import aws
from rehearsal.lock import exclusive
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal

ENV = "aws-vm"
MINUTES = 25
OTHER_ADDRESS = "203.0.113.8"
Until = Callable[[Callable[[], Any], str], Any]


def inventory() -> list[dict[str, Any]]:
    """Everything in the emulated account."""
    with urllib.request.urlopen(f"{aws.ENDPOINT}/_berth/inventory", timeout=60) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())
        return found


@pytest.fixture(scope="module")
def account(paths: Paths, steps: Steps) -> session.Record:
    """An account, machines and images, and what an earlier test may have brought up besides."""
    with exclusive(paths):
        record = session.load(paths)
        targets = record.choice.targets if record else ()
        return session.ensure(paths, steps, session.Choice(targets=(*(t for t in targets if t != ENV), ENV)))


@pytest.fixture(scope="module")
def empty(account: session.Record) -> list[dict[str, Any]]:
    """What the account has before the environment."""
    del account
    return inventory()


@pytest.fixture
def environ(paths: Paths, account: session.Record) -> Mapping[str, str]:
    return session.inside(paths, account, ENV).over(os.environ)


@pytest.fixture(scope="module", autouse=True)
def gone_at_the_end(paths: Paths, account: session.Record) -> Iterator[None]:
    yield
    environ = session.inside(paths, account, ENV).over(os.environ)
    subprocess.run(
        ["pulumi", "destroy", "--yes", "--skip-preview", "-s", ENV, "--non-interactive"],
        env=environ, cwd=CHECKOUT, capture_output=True, check=False,
    )  # fmt: skip
    subprocess.run(["pulumi", "stack", "rm", "--yes", ENV], env=environ, cwd=CHECKOUT, check=False)


@pytest.fixture
def berth(run: Run) -> Callable[..., dict[str, Any]]:
    """A command of `berth rehearse` that prints JSON."""

    def told(command: str, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            run(str(BERTH), "rehearse", command, ENV, "--json", *arguments).stdout
        )
        return answer

    return told


@pytest.fixture
def bucket(environ: Mapping[str, str], berth: Callable[..., dict[str, Any]]) -> Any:
    outputs = berth("outputs")
    client = boto3.resource(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ["AWS_REGION"],
    )
    return client.Bucket(outputs["bucket"])


def progress(bucket: Any) -> dict[str, Any]:
    """How far the training is; empty before its first word."""
    found = [
        entry.key for entry in bucket.objects.filter(Prefix="runs/") if entry.key.endswith("progress.json")
    ]
    return json.loads(bucket.Object(found[0]).get()["Body"].read()) if found else {}


def test_up_creates_everything(run: Run, empty: list[dict[str, Any]]) -> None:
    assert not [one for one in empty if one["kind"] == "Instances"]
    run("pulumi", "stack", "select", "--create", ENV)
    run("pulumi", "up", "--yes", "--skip-preview", "-s", ENV, "--non-interactive")
    kinds = {one["kind"] for one in inventory()}
    assert {"Instances", "NatGateways", "LaunchTemplates"} <= kinds


def test_training_survives_an_interruption(
    berth: Callable[..., dict[str, Any]], bucket: Any, paths: Paths
) -> None:
    until = time.monotonic() + MINUTES * 60
    while not progress(bucket).get("step"):
        assert time.monotonic() < until, f"no training: {(paths.logs / 'machines.log').read_text()[-2000:]}"
        time.sleep(1)
    told = berth("interrupt", "--seconds", "45", "--minutes", str(MINUTES))
    assert told["replacement"] != told["interrupted"]
    assert told["training"] == "resumed"
    assert told["checkpoint_step"] > 0, "the notice must lead to a checkpoint"
    assert told["lost_steps"] is not None


def test_verify_passes_on_the_replacement(berth: Callable[..., dict[str, Any]]) -> None:
    # The committed model is so small that one image more or less is a third of a percent.
    found = berth("verify", "--minutes", str(MINUTES), "--threshold", "0.95")
    assert found["passed"], found


def test_a_preview_without_a_change_has_none(run: Run) -> None:
    run("pulumi", "preview", "-s", ENV, "--expect-no-changes", "--non-interactive")


def test_the_machine_is_reached_through_the_bastion_and_knows_nothing_of_the_rehearsal(run: Run) -> None:
    shell = "hostname; sudo cat /etc/berth/plan.json"
    said = run(str(BERTH), "rehearse", "ssh", ENV, "machine", "--", shell).stdout
    assert "10.213." not in said.replace("10.213.0.1:5000", ""), (
        "only the repositories' name is the rehearsal's"
    )


def test_a_changed_own_address_changes_one_resource(run: Run, paths: Paths) -> None:
    machines.set_own_address(paths, OTHER_ADDRESS)
    refused = run(str(BERTH), "rehearse", "ssh", ENV, "machine", "--", "true", check=False)
    assert refused.returncode != 0, "the old address no longer fits"
    said = run(str(BERTH), "rehearse", "access", "refresh", ENV, "--up", "--yes").stdout
    assert "1 updated" in said, said
    assert "replaced" not in said
    run(str(BERTH), "rehearse", "ssh", ENV, "machine", "--", "true")
    run("pulumi", "preview", "-s", ENV, "--expect-no-changes", "--non-interactive")


def test_no_machine_did_what_its_role_does_not_permit() -> None:
    with urllib.request.urlopen(f"{aws.ENDPOINT}/_berth/denials", timeout=60) as answer:
        assert json.loads(answer.read()) == []


def test_destroy_leaves_the_account_as_it_was(run: Run, paths: Paths, empty: list[dict[str, Any]]) -> None:
    run("pulumi", "destroy", "--yes", "--skip-preview", "-s", ENV, "--non-interactive")
    assert inventory() == empty
    until = time.monotonic() + 120
    while running := [line for line in machines.leftovers(paths) if "qemu" in line]:
        assert time.monotonic() < until, running
        time.sleep(0.5)
