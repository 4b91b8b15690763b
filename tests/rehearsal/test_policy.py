"""The policy pack in the hands of the real engine, over resources of the stand-in provider."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from emulated_account import running

from rehearsal import engine, standins
from rehearsal.paths import CHECKOUT, Paths
from rehearsal.paths import paths as default_paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal

PACK = CHECKOUT / "infra" / "policy"
HEAD = """
import json
import pulumi
import pulumi_aws as aws

tags = {"berth:environment": "trial", "berth:owner": "me", "berth:expires-at": "2030-01-01T00:00:00Z"}
account = aws.Provider("account", region="us-east-1", default_tags={"tags": tags})
ours = pulumi.ResourceOptions(provider=account)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.20.0.0/16", opts=ours)
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, opts=ours)


def ssh_from(cidr):
    port = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22}
    aws.vpc.SecurityGroupIngressRule("ssh", security_group_id=group.id, cidr_ipv4=cidr, **port, opts=ours)


def volume(**arguments):
    aws.ebs.Volume("volume", availability_zone="us-east-1a", size=1, **{"opts": ours, **arguments})


def deny_plain_http(arn):
    who = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return json.dumps({"Statement": [{**who, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})


def bucket(*, closed):
    data = aws.s3.Bucket("data", force_destroy=True, opts=ours)
    aws.s3.BucketPolicy("tls", bucket=data.id, policy=data.arn.apply(deny_plain_http), opts=ours)
    by_default = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    aws.s3.BucketServerSideEncryptionConfiguration("sse", bucket=data.id, rules=[by_default], opts=ours)
    if closed:
        ignore = {"ignore_public_acls": True, "restrict_public_buckets": True}
        block = {"block_public_acls": True, "block_public_policy": True}
        aws.s3.BucketPublicAccessBlock("closed", bucket=data.id, **ignore, **block, opts=ours)


"""
CLEAN = 'ssh_from("203.0.113.7/32")\nvolume(encrypted=True)\nbucket(closed=True)\n'
Preview = Callable[..., str]


@pytest.fixture(scope="module", name="where")
def where_fixture(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    base = tmp_path_factory.mktemp("policy")
    return Paths(cache=default_paths().cache, state=base / "state", run=base / "run")


@pytest.fixture(scope="module", name="environ")
def environ_fixture(where: Paths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An engine with the stand-in provider, before an emulated account of its own."""
    found = engine.ensure(where, Steps(tmp_path_factory.mktemp("logs")))
    standins.install(where)
    python = PACK / ".venv" / "bin" / "python"
    assert python.exists(), "the pack's own environment is missing; ./scripts/up installs it"
    (where.state / "backend").mkdir(parents=True)
    with running(where.state) as account:
        yield os.environ | {
            "PATH": f"{found.bin_dir}:{os.environ['PATH']}",
            "PULUMI_HOME": str(where.state / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{where.state / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **account.variables(),
        }


@pytest.fixture(scope="module", name="pulumi")
def pulumi_fixture(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> Iterator[Preview]:
    """Runs a command of the engine on a program, for a stack that these tests share."""
    project = tmp_path_factory.mktemp("project")
    options = {"toolchain": "pip", "virtualenv": sys.prefix}
    settings = {"name": "berth", "runtime": {"name": "python", "options": options}}
    (project / "Pulumi.yaml").write_text(json.dumps(settings))

    def run(program: str, *arguments: str, fails: bool = False) -> str:
        (project / "__main__.py").write_text(HEAD + program)
        done = subprocess.run(
            ["pulumi", "--non-interactive", *arguments],
            cwd=project,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    run("", "stack", "init", "dev")
    yield run
    run("", "destroy", "--yes", "--skip-preview", "--remove")


def preview(pulumi: Preview, program: str, *, fails: bool) -> str:
    return pulumi(program, "preview", "--policy-pack", str(PACK), fails=fails)


@pytest.mark.parametrize(
    ("program", "rule", "words"),
    [
        ('ssh_from("0.0.0.0/0")', "no-open-ingress", "ssh lets traffic in from 0.0.0.0/0"),
        ("volume()", "encryption", "volume is not encrypted"),
        ("volume(encrypted=True, opts=None)", "tags", "volume has no tag berth:environment"),
        ("bucket(closed=False)", "closed-buckets", "data nothing blocks public access"),
    ],
)
def test_a_violation_stops_the_preview_and_says_what_to_do(
    pulumi: Preview, program: str, rule: str, words: str
) -> None:
    said = preview(pulumi, program, fails=True)
    assert rule in said
    assert words in said
    assert f'berth:policy: {{allow: ["{rule}"]}}' in said


def test_an_exception_in_the_values_lets_it_pass(pulumi: Preview) -> None:
    pulumi("", "config", "set", "--path", "policy.allow[0]", "no-open-ingress")
    preview(pulumi, 'ssh_from("0.0.0.0/0")', fails=False)
    assert "encryption" in preview(pulumi, "volume()", fails=True), "the other rules still count"
    pulumi("", "config", "rm", "policy")


def test_a_clean_program_passes_in_preview_and_in_update(pulumi: Preview) -> None:
    assert "can't run policy" not in preview(pulumi, CLEAN, fails=False)
    pulumi(CLEAN, "up", "--yes", "--skip-preview", "--policy-pack", str(PACK))
    pulumi(CLEAN, "preview", "--expect-no-changes", "--policy-pack", str(PACK))
