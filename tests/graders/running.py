"""Graders, each in a virtual environment of its own, and what they find less the committed exceptions."""

import fnmatch
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
EXCEPTIONS = HERE / "exceptions.yaml"
SERVICES = ("autoscaling", "cloudwatch", "ec2", "ecr", "iam", "kms", "s3", "sns", "ssm", "vpc")
TIMEOUT = 600


@dataclass(frozen=True, order=True)
class Finding:
    """A rule that fails on a resource."""

    check: str
    resource: str
    text: str = ""


@dataclass(frozen=True)
class Exempt:
    """A committed exception; check and resource are patterns."""

    check: str
    resource: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the exception is about a finding."""
        return fnmatch.fnmatchcase(finding.check, self.check) and fnmatch.fnmatchcase(
            finding.resource, self.resource
        )


def exceptions(grader: str) -> list[Exempt]:
    """The committed exceptions of a grader; a row without a reason is an error."""
    rows = yaml.safe_load(EXCEPTIONS.read_text())
    return [Exempt(row["check"], row["resource"], row["reason"]) for row in rows if row["grader"] == grader]


def judged(findings: Iterable[Finding], exempt: Sequence[Exempt]) -> tuple[list[Finding], list[Exempt]]:
    """What no exception covers, and the exceptions that cover nothing."""
    found = sorted(set(findings))
    open_ones = [one for one in found if not any(row.covers(one) for row in exempt)]
    return open_ones, [row for row in exempt if not any(row.covers(one) for one in found)]


def tool(grader: str) -> Path:
    """The grader's program, installed from its lock file on first use.

    Skips the test where it cannot be had, and says why.
    """
    if grader == "prowler" and sys.version_info >= (3, 13):
        pytest.skip("prowler takes no Python above 3.12")
    lock = CHECKOUT / "requirements" / f"{grader}.txt"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(os.environ.get("BERTH_CACHE") or home / "berth")
    place = cache / "graders" / f"{grader}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    program = place / "bin" / grader
    if not (place / "complete").exists():
        uv = str(Path(sys.executable).with_name("uv"))
        python = ["--python", str(place / "bin" / "python")]
        for command in (
            [uv, "venv", "--clear", "--python", sys.executable, str(place)],
            [uv, "pip", "sync", "--require-hashes", *python, str(lock)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{grader} cannot be installed: {done.stderr.strip()[-300:]}")
        (place / "complete").touch()
    return program


def checkov(plans: Mapping[str, Mapping[str, Any]], directory: Path) -> dict[str, list[Finding]]:
    """What checkov finds in Terraform plans, by their names."""
    program = tool("checkov")
    files = []
    for name, content in plans.items():
        file = directory / f"{name}.json"
        file.write_text(json.dumps(content))
        files += ["--file", str(file)]
    options = ["--framework", "terraform_plan", "--output", "json", "--quiet", "--compact", "--skip-download"]
    done = subprocess.run(
        [str(program), *files, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        timeout=TIMEOUT,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"checkov did not report: {done.stderr[-2000:]}") from None
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 0, "it has read the plans"
    found: dict[str, list[Finding]] = {name: [] for name in plans}
    for row in report["results"]["failed_checks"]:
        finding = Finding(row["check_id"], row["resource"], row["check_name"])
        found[Path(row["file_path"]).stem].append(finding)
    return found


def prowler(endpoint: str, access_key: str, secret: str, directory: Path) -> list[Finding]:
    """What prowler finds in the account behind an endpoint; resources are named by the end of their ARN."""
    program = tool("prowler")
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    options = ["--no-banner", "--no-color", "--ignore-exit-code-3", "--region", "us-east-1"]
    report = [
        "--output-formats",
        "json-ocsf",
        "--output-directory",
        str(directory),
        "--output-filename",
        "report",
    ]
    done = subprocess.run(
        [str(program), "aws", *options, *report, "--services", *SERVICES],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        timeout=TIMEOUT,
        env={**os.environ, **variables},
    )
    file = directory / "report.ocsf.json"
    assert file.is_file(), f"prowler did not report: {done.stdout[-1000:]} {done.stderr[-1000:]}"
    return [
        Finding(row["metadata"]["event_code"], _ending(one["uid"]), row["status_detail"])
        for row in json.loads(file.read_text())
        if row["status_code"] == "FAIL"
        for one in row["resources"]
    ]


def _ending(arn: str) -> str:
    """arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1 → vpc/vpc-1."""
    return arn.split(":", 5)[-1] if arn.startswith("arn:") else arn
