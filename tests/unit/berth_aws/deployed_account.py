"""An emulated account with an environment in it, and stand-ins for the programs that commands call."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from scripts.berth.place import Place

IMAGE = "ami-12c6146b"  # moto has it
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHostKeyOfTheMachineForTestsAbCdEfGhIjKlMnOp"
ENV = "aws-vm"
VALUES = """\
# An account's environment.
config:
  berth:target: aws-vm  # what it is
  berth:owner: ml-team
  # `berth access refresh` writes the address.
  berth:access:
    kind: bastion  # or ssm
  berth:machine:
    accelerator: T4
    image:
      owner: "136693071363"
      name: debian-13-amd64-*

  # the end
"""
OUTPUTS: dict[str, Any] = {
    "environment": ENV,
    "target": "aws-vm",
    "region": "us-east-1",
    "account_id": "123456789012",
    "access": "bastion",
    "bastion_instance_id": "i-bastion",
    "bastion_address": "127.0.0.1",
    "bastion_user": "admin",
    "prefix_list_id": "pl-1",
    "machine_group": "aws-vm-machine",
    "machine_user": "admin",
    "machine_count": 1,
    "accelerator": "T4",
    "launch_template_id": "lt-1",
    "image_id": IMAGE,
    "bucket": "berth-aws-vm",
    "repositories": {"train": "t", "serve": "s"},
    "images": {"train": "t:1", "serve": "s:1"},
    "model_name": "digits",
    "run_prefix": "runs/digits/1",
    "predict_port": 8080,
    "jupyter_port": 8888,
    "budget_name": "aws-vm",
}

ENGINE = """\
#!/bin/bash
shift 2  # -C DIR
echo "$*" >> "$CALLS"
case "$*" in
"stack ls --json") echo '[{"name": "organization/berth/aws-vm"}]' ;;
"stack output"*) echo "$(<"$OUTPUTS")" ;;
esac
"""


@dataclass
class Account:
    """The environment in the account, and the place from which it is reached."""

    place: Place
    directory: Path

    @cached_property
    def ec2(self) -> Any:
        return boto3.client("ec2", "us-east-1")

    @cached_property
    def s3(self) -> Any:
        return boto3.client("s3", "us-east-1")

    @property
    def values(self) -> Path:
        return self.place.values / "Pulumi.aws-vm.yaml"

    @property
    def calls(self) -> list[str]:
        """What the engine was called with."""
        return (self.directory / "calls").read_text().splitlines()

    def outputs(self, **changed: Any) -> None:
        """Set the stack's outputs."""
        end = datetime.now(UTC) + timedelta(hours=4)
        values = {"expires_at": f"{end:%Y-%m-%dT%H:%M:%SZ}", **OUTPUTS, **changed}
        self.raw_outputs(json.dumps(values))

    def raw_outputs(self, text: str) -> None:
        """What the engine answers for the outputs."""
        (self.directory / "outputs.json").write_text(text)
        self.place._outputs.clear()

    def start(self, role: str = "machine", *, env: str = ENV, known: bool = True) -> str:
        """Start an instance; known: with its host key in the bucket. Returns its id."""
        tags = [{"Key": "berth:environment", "Value": env}, {"Key": "berth:role", "Value": role}]
        answer = self.ec2.run_instances(
            ImageId=IMAGE,
            MinCount=1,
            MaxCount=1,
            InstanceType="g4dn.xlarge",
            InstanceMarketOptions={"MarketType": "spot"},
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        instance = str(answer["Instances"][0]["InstanceId"])
        if known:
            self.put(f"machines/{instance}/ssh_host_ed25519_key.pub", f"{HOST_KEY} root@host\n")
        return instance

    def end(self, instance: str) -> None:
        self.ec2.terminate_instances(InstanceIds=[instance])

    def put(self, key: str, content: Any) -> None:
        """Put an object: bytes, text, or JSON."""
        body = content if isinstance(content, str | bytes) else json.dumps(content)
        self.s3.put_object(Bucket="berth-aws-vm", Key=key, Body=body)

    def status(self, instance: str, stage: str, *done: str, failed: str | None = None, at: str = "1") -> None:
        """What a machine reports of its bring-up."""
        stages = [{"name": name, "seconds": 1.5} for name in done]
        content = {
            "instance_id": instance,
            "stage": stage,
            "done": stages,
            "failed": failed,
            "updated": at,
        }
        self.put(f"machines/{instance}/status.json", content)


def stub(directory: Path, name: str, text: str) -> Path:
    """A program in the account's bin directory."""
    program = directory / "bin" / name
    program.write_text(text)
    program.chmod(0o755)
    return program
