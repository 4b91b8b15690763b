"""A Pulumi project for one test, on an emulated account of its own; no other part of the rehearsal runs."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulated_account import EmulatedAccount
from trial_project import Trial

from rehearsal import ca, engine, environment, standins
from rehearsal.paths import Paths
from rehearsal.steps import Steps

HEAD = """
import pulumi
from pulumi_aws import Provider, ec2
"""


class AwsTrial(Trial):
    """A project whose resources are in the emulated account."""

    def __init__(self, folder: Path, environ: Mapping[str, str], account: EmulatedAccount) -> None:
        super().__init__(folder, environ)
        self.account = account

    def program(self, text: str = "") -> None:
        (self.folder / "__main__.py").write_text(HEAD + text)

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.account.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
        )

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by logical name."""
        exported = json.loads(self.pulumi("stack", "export"))
        return {one["urn"].rpartition("::")[2]: one for one in exported["deployment"]["resources"]}


def inside(state: Paths, account: EmulatedAccount) -> dict[str, str]:
    """The environment of a process in a rehearsal that consists of the engine and the account."""
    state.create()
    steps = Steps(logs=state.logs)
    standins.install(state)
    environment.prepare(state)
    ca.ensure_bundle(state)
    made = environment.environment(state, programs=[engine.ensure(state, steps).bin_dir], access_key=("", ""))
    variables = {
        name: value for name, value in made.over(os.environ).items() if name != "AWS_ENDPOINT_URL_S3"
    }
    return {**variables, **account.variables()}
