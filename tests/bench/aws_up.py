"""Seconds of one `up` and `destroy` of aws-vm on the emulated account, without machines; beside Terraform.

    python tests/bench/aws_up.py [--runs 3]

The committed environment, the real engine, the stand-in for pulumi-aws. Where a terraform (or tofu) binary
and its AWS provider are on this machine, a network of the same size is applied by both on the same account,
and the ratio is printed; elsewhere that part says why it is skipped. Prints one JSON object.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rehearsal"))
import emulated_account
from aws_trial import AwsTrial, inside
from environment_trial import EnvironmentTrial, full_registry, places

SUBNETS = 12
PULUMI = f"""
vpc = ec2.Vpc("net", cidr_block="10.30.0.0/16")
table = ec2.RouteTable("table", vpc_id=vpc.id)
for number in range({SUBNETS}):
    subnet = ec2.Subnet(f"net-{{number}}", vpc_id=vpc.id, cidr_block=f"10.30.{{number}}.0/24")
    ec2.RouteTableAssociation(f"net-{{number}}", subnet_id=subnet.id, route_table_id=table.id)
"""
TERRAFORM = """
terraform {{ required_providers {{ aws = {{ source = "hashicorp/aws" }} }} }}
provider "aws" {{
  region = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id = true
  skip_metadata_api_check = true
  endpoints {{ ec2 = "{endpoint}" }}
}}
resource "aws_vpc" "net" {{ cidr_block = "10.30.0.0/16" }}
resource "aws_route_table" "table" {{ vpc_id = aws_vpc.net.id }}
resource "aws_subnet" "net" {{
  count = {subnets}
  vpc_id = aws_vpc.net.id
  cidr_block = "10.30.${{count.index}}.0/24"
}}
resource "aws_route_table_association" "net" {{
  count = {subnets}
  subnet_id = aws_subnet.net[count.index].id
  route_table_id = aws_route_table.table.id
}}
"""


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.monotonic()
    action()
    return round(time.monotonic() - began, 2)


def whole_environment(runs: int) -> dict[str, Any]:
    """aws-vm: every kind of run, the median of some."""
    with tempfile.TemporaryDirectory() as folder:
        state = places(Path(folder))
        with (
            full_registry(state) as registry,
            emulated_account.running(Path(folder), "--registry", registry) as account,
        ):
            trial = EnvironmentTrial(state, account)
            times: dict[str, list[float]] = {}
            for _ in range(runs):
                for name, action in (
                    ("up", trial.up),
                    ("preview without a change", lambda: trial.pulumi("preview", "--expect-no-changes")),
                    ("destroy", trial.destroy),
                ):
                    times.setdefault(name, []).append(timed(action))
    return {name: median(seconds) for name, seconds in times.items()}


def beside_terraform(runs: int) -> dict[str, Any]:
    """A network by both, or why not."""
    program = shutil.which("terraform") or shutil.which("tofu")
    if program is None:
        return {"skipped": "no terraform or tofu on this machine"}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with emulated_account.running(root) as account:
            environ = {**os.environ, **account.variables()}
            (root / "tf").mkdir()
            text = TERRAFORM.format(endpoint=account.endpoint, subnets=SUBNETS)
            (root / "tf" / "main.tf").write_text(text)
            ready = subprocess.run([program, "init"], cwd=root / "tf", env=environ, capture_output=True)
            if ready.returncode:
                return {"skipped": "its AWS provider is not on this machine and cannot be fetched"}

            def terraform(command: str) -> None:
                argv = [program, command, "-auto-approve"]
                subprocess.run(argv, cwd=root / "tf", env=environ, check=True, capture_output=True)

            (root / "pulumi").mkdir()
            trial = AwsTrial(
                root / "pulumi", inside(places(root / "own"), account.endpoint), account.endpoint
            )
            trial.program(PULUMI)
            trial.pulumi("stack", "init", "dev")
            trial.pulumi("config", "set", "aws:region", "us-east-1")
            ours, theirs = [], []
            for _ in range(runs):
                ours.append(timed(trial.up))
                trial.pulumi("destroy", "--yes", "--skip-preview")
                theirs.append(timed(lambda: terraform("apply")))
                terraform("destroy")
    return {
        "resources": 2 + 2 * SUBNETS,
        "berth, s": median(ours),
        "terraform, s": median(theirs),
        "ratio": round(median(ours) / median(theirs), 2),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    figures = {"aws-vm, emulated, s": whole_environment(runs), "beside Terraform": beside_terraform(runs)}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
