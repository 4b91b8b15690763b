"""Every rule finds the violation planted for it, and that one alone; a clean environment has none."""

import dataclasses
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import planted
import pytest
from planted import (
    ACCOUNT,
    TAGS,
    aws,
    bucket,
    budget,
    environment,
    findings,
    given,
    group,
    instance,
    template,
)

from infra.policy import rules
from infra.policy.model import UNKNOWN, Resource, is_open
from infra.policy.rules import NAMES, RULES
from infra.policy.rules.tags import TAGGED

PACK = Path(rules.__file__).parents[1]


def test_a_clean_environment_has_no_finding() -> None:
    assert findings(*environment()) == {}


def open_policy(kind: str, **statement: Any) -> Resource:
    one = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", **statement}
    return aws(kind, policy=json.dumps({"Statement": [one]}))


def pods(kind: str, pod: dict[str, Any], namespace: str = "berth-local") -> Resource:
    paths = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}
    return planted.kubernetes(
        f"group/v1:{kind}", {"spec": paths.get(kind, {"template": {"spec": pod}})}, namespace
    )


PRIVILEGED = {"containers": [{"name": "c", "securityContext": {"privileged": True}}]}
OPEN = [{"cidrBlocks": ["0.0.0.0/0"]}]
PLANTED: list[tuple[str, Resource, str]] = [
    ("no-open-ingress", aws("vpc.SecurityGroupIngressRule", cidrIpv4="0.0.0.0/0"), "from 0.0.0.0/0"),
    ("no-open-ingress", aws("vpc.SecurityGroupIngressRule", cidrIpv6="::/0"), "from ::/0"),
    ("no-open-ingress", aws("ec2.SecurityGroup", ingress=OPEN, tags={}), "from 0.0.0.0/0"),
    ("no-open-ingress", aws("ec2.SecurityGroup", ingress=[{"ipv6CidrBlocks": ["::/0"]}]), "from ::/0"),
    ("no-open-ingress", aws("ec2.DefaultSecurityGroup", ingress=OPEN), "from 0.0.0.0/0"),
    ("no-open-ingress", aws("ec2.SecurityGroupRule", type="ingress", cidrBlocks=["0.0.0.0/0"]), "0.0.0.0/0"),
    ("no-open-ingress", aws("ec2.ManagedPrefixList", entries=[{"cidr": "0.0.0.0/0"}]), "from 0.0.0.0/0"),
    ("no-open-ingress", aws("ec2.ManagedPrefixListEntry", cidr="128.0.0.0/1"), "from 128.0.0.0/1"),
    ("no-open-ingress", aws("eks.Cluster", vpcConfig={"publicAccessCidrs": ["0.0.0.0/0"]}), "0.0.0.0/0"),
    ("no-public-data", aws("s3.BucketAcl", acl="public-read"), "public-read"),
    ("no-public-data", aws("s3.BucketObjectv2", acl="public-read"), "public-read"),
    ("no-public-data", aws("s3.BucketPublicAccessBlock", blockPublicAcls=True), "blockPublicPolicy"),
    ("no-public-data", open_policy("s3.BucketPolicy"), "to everybody"),
    ("no-public-data", open_policy("s3.BucketPolicy", Principal={"AWS": ["*"]}), "to everybody"),
    ("no-public-data", open_policy("ecr.RepositoryPolicy"), "to everybody"),
    ("no-public-data", aws("ecrpublic.Repository"), "public registry"),
    ("no-public-data", aws("ec2.AmiLaunchPermission", group="all"), "everybody launch"),
    ("no-public-data", aws("ebs.SnapshotBlockPublicAccess", state="unblocked"), "be made public"),
    ("no-public-data", aws("ec2.ImageBlockPublicAccess", state="unblocked"), "be made public"),
    ("closed-buckets", aws("s3.Bucket"), "blocks public access"),
    ("encryption", aws("ebs.Volume", size=10), "not encrypted"),
    ("encryption", aws("ebs.Volume", encrypted=False), "not encrypted"),
    ("encryption", aws("efs.FileSystem"), "not encrypted"),
    ("encryption", aws("ebs.EncryptionByDefault", enabled=False), "off"),
    ("encryption", instance(rootBlockDevice=None), "root volume"),
    ("encryption", instance(ebsBlockDevices=[{"deviceName": "/dev/sdf"}]), "/dev/sdf is not encrypted"),
    ("encryption", template(blockDeviceMappings=None), "root volume"),
    (
        "encryption",
        template(blockDeviceMappings=[{"deviceName": "/dev/sdf", "ebs": {"encrypted": "false"}}]),
        "/dev/sdf is not encrypted",
    ),
    ("imds-v2", instance(metadataOptions=None), "IMDSv2"),
    ("imds-v2", instance(metadataOptions={"httpTokens": "optional"}), "IMDSv2"),
    ("imds-v2", template(metadataOptions={"httpEndpoint": "enabled"}), "IMDSv2"),
    ("tags", aws("ec2.Vpc", provider={}), "berth:owner"),
    ("tags", aws("sqs.Queue", provider={}, tags={**TAGS, "berth:owner": ""}), "berth:owner"),
    (
        "tags",
        group(tags=[*given(TAGS), *given({"berth:owner": "x"}, propagate=False)][1:]),
        "berth:environment",
    ),
    ("tags", group(tags=given(TAGS, propagate=False)), "propagate_at_launch"),
    ("budget-present", budget(notifications=[{"threshold": 80}]), "tells nobody"),
    ("lifetime-present", instance(tags={"berth:expires-at": "soon"}), "is soon"),
    ("lifetime-present", group(name="another"), "would run on"),
    ("capacity-block-purchase", aws("ec2.CapacityBlockReservation"), "cannot be cancelled"),
    ("capacity-block-purchase", aws("eks.NodeGroup", capacityType="CAPACITY_BLOCK"), "cannot be cancelled"),
    (
        "capacity-block-purchase",
        template(instanceMarketOptions={"marketType": "capacity-block"}),
        "cannot be cancelled",
    ),
    ("no-privileged-pods", pods("Deployment", PRIVILEGED), "c is privileged"),
    ("no-privileged-pods", pods("Pod", PRIVILEGED), "c is privileged"),
    ("no-privileged-pods", pods("CronJob", PRIVILEGED), "c is privileged"),
    ("no-privileged-pods", pods("DaemonSet", {"hostNetwork": True}), "hostNetwork"),
    (
        "no-privileged-pods",
        pods("Job", {"initContainers": PRIVILEGED["containers"]}),
        "c is privileged",
    ),
]


@pytest.mark.parametrize(("rule", "violation", "words"), PLANTED, ids=lambda one: getattr(one, "type", one))
def test_a_planted_violation_is_found_and_nothing_else(rule: str, violation: Resource, words: str) -> None:
    clean = [one for one in environment() if one.name != violation.name]
    found = findings(*clean, violation)
    assert set(found) == {rule}
    assert words in " ".join(found[rule])


def test_the_types_that_rules_look_for_exist() -> None:
    text = "\n".join(path.read_text() for path in (PACK / "rules").glob("*.py"))
    looked_for = {*re.findall(r'"(aws:\w+/\w+:\w+)"', text), *TAGGED}
    packages = {token.partition("/")[0].removeprefix("aws:") for token in looked_for}
    sdk = Path(next(iter(find_spec("pulumi_aws").submodule_search_locations)))  # type: ignore[union-attr,arg-type]
    sources = (path.read_text() for package in packages for path in (sdk / package).glob("[a-z]*.py"))
    known = {token for source in sources for token in re.findall(r"'(aws:\w+/\w+:\w+)'", source)}
    assert looked_for <= known, f"a rule for {looked_for - known} never finds anything"


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(NAMES)
    assert len(set(NAMES)) == len(RULES)


@pytest.mark.parametrize("left_out", ["closed", "encrypted", "policy"])
def test_a_bucket_that_lacks_one_setting_is_found(left_out: str) -> None:
    found = findings(*(one for one in bucket() if one.name != left_out))
    assert len(found["closed-buckets"]) == 1


def test_settings_of_another_bucket_do_not_count() -> None:
    found = findings(*bucket(), aws("s3.Bucket", "second", bucket="berth-second"))
    assert len(found["closed-buckets"]) == 3


def test_settings_count_while_the_buckets_id_is_not_known_yet() -> None:
    made = bucket()
    urn = made[0].urn
    unknown = [
        Resource(
            type=one.type,
            name=one.name,
            urn=one.urn,
            props={**one.props, "bucket": UNKNOWN, **({"policy": UNKNOWN} if "policy" in one.props else {})},
            provider=one.provider,
            references={"bucket": [urn]},
        )
        for one in made[1:]
    ]
    assert findings(made[0], *unknown) == {}


def test_an_environment_with_machines_needs_a_budget_and_one_without_does_not() -> None:
    assert "has no budget" in findings(instance())["budget-present"][0]
    assert findings(aws("ec2.Vpc"), aws("ecr.Repository")) == {}


def test_a_group_whose_end_only_lowers_it_runs_on() -> None:
    assert "lifetime-present" in findings(group(), budget(), planted.schedule(desiredCapacity=1))
    assert findings(group(), budget(), planted.schedule()) == {}


@pytest.mark.parametrize(
    "provider", [{"defaultTags": {"tags": TAGS}}, {"defaultTags": json.dumps({"tags": TAGS})}]
)
def test_default_tags_count_however_the_engine_holds_them(provider: dict[str, Any]) -> None:
    assert findings(aws("ec2.Vpc", provider=provider)) == {}
    assert findings(aws("ec2.Vpc", provider={}, tagsAll=TAGS)) == {}
    assert "tags" in findings(aws("ec2.Vpc", provider={"defaultTags": "not JSON"}))


def test_what_takes_no_tags_needs_none() -> None:
    assert findings(aws("ec2.Route", provider={}), aws("iam.RolePolicy", provider={})) == {}


def test_everybody_of_ones_own_account_is_not_everybody() -> None:
    ours = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert findings(open_policy("ecr.RepositoryPolicy", Condition=ours)) == {}


@pytest.mark.parametrize("namespace", ["kube-system", "gpu-operator"])
def test_drivers_own_their_node(namespace: str) -> None:
    assert findings(pods("DaemonSet", PRIVILEGED, namespace)) == {}


def test_a_launch_by_template_is_judged_by_the_template() -> None:
    found = findings(instance(metadataOptions=None, launchTemplate={"id": "lt-1"}), budget())
    assert "imds-v2" not in found


def unknowns(value: Any) -> list[Any]:
    """The value with each part of it, in turn, not known yet."""
    if isinstance(value, dict):
        return [UNKNOWN, *({**value, key: one} for key, part in value.items() for one in unknowns(part))]
    if isinstance(value, list):
        return [
            UNKNOWN,
            *([*value[:i], one, *value[i + 1 :]] for i, part in enumerate(value) for one in unknowns(part)),
        ]
    return [UNKNOWN]


def test_what_a_preview_cannot_know_is_neither_a_finding_nor_a_crash() -> None:
    urns = [one.urn for one in environment()]
    # What is not known comes from another resource, and the engine says from which.
    everything = [
        dataclasses.replace(one, references=dict.fromkeys(one.props, urns)) for one in environment()
    ]
    for index, one in enumerate(everything):
        for props in unknowns(dict(one.props))[1:]:
            changed = dataclasses.replace(one, props=props)
            found = findings(*everything[:index], changed, *everything[index + 1 :])
            assert found == {}, f"{one.type}: {props}"


@pytest.mark.parametrize(
    ("cidr", "verdict"),
    [
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("0.0.0.0/1", True),
        ("203.0.113.0/24", False),
        ("10.0.0.0/8", False),
        ("100.64.0.0/10", False),
        ("2000::/3", True),
        ("fd00::/8", False),
        ("2001:db8::/64", False),
        (UNKNOWN, False),
        (None, False),
    ],
)
def test_what_lets_the_public_in(cidr: Any, verdict: bool) -> None:
    assert is_open(cidr) is verdict
