"""Resources as a program declares them, for the rules to find something in or leave alone."""

import json
from collections.abc import Mapping
from typing import Any

from infra.policy.model import Resource
from infra.policy.rules import RULES

TAGS = {
    "berth:environment": "trial",
    "berth:owner": "ml-team",
    "berth:expires-at": "2026-12-01T18:00:00Z",
}
ACCOUNT = "123456789012"
PROVIDER = {"region": "us-east-1", "defaultTags": json.dumps({"tags": TAGS})}


def aws(kind: str, called: str = "it", /, provider: Mapping[str, Any] = PROVIDER, **props: Any) -> Resource:
    """kind: ec2.Instance, as in the SDK."""
    module, _, type_ = kind.partition(".")
    token = f"aws:{module}/{type_[0].lower()}{type_[1:]}:{type_}"
    return Resource(
        type=token,
        name=called,
        urn=f"urn:{token}::{called}",
        id=f"{called}-id",
        props={key: value for key, value in props.items() if value is not None},
        provider=provider,
    )


def kubernetes(kind: str, spec: Mapping[str, Any], namespace: str = "berth-local") -> Resource:
    metadata = {"name": "it", "namespace": namespace}
    return Resource(type=f"kubernetes:{kind}", name="it", urn="urn:it", props={"metadata": metadata, **spec})


def findings(*resources: Resource) -> dict[str, list[str]]:
    """What all rules find in an environment of these resources, by rule."""
    found: dict[str, list[str]] = {}
    for rule in RULES:
        texts = [text for one in resources for text in (rule.resource(one) if rule.resource else ())]
        texts += [text for text, _ in (rule.stack(resources) if rule.stack else ())]
        if texts:
            found[rule.name] = texts
    return found


def instance(**changes: Any) -> Resource:
    good: dict[str, Any] = {
        "metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled"},
        "rootBlockDevice": {"encrypted": True},
        "tags": {"Name": "machine"},
    }
    return aws("ec2.Instance", "machine", **{**good, **changes})


def template(**changes: Any) -> Resource:
    good: dict[str, Any] = {
        "metadataOptions": {"httpTokens": "required"},
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}],
    }
    return aws("ec2.LaunchTemplate", "template", **{**good, **changes})


def given(tags: Mapping[str, str], *, propagate: bool = True) -> list[dict[str, Any]]:
    """Tags as a group has them."""
    return [{"key": key, "value": value, "propagateAtLaunch": propagate} for key, value in tags.items()]


def group(**changes: Any) -> Resource:
    return aws("autoscaling.Group", "group", **{"name": "group-1", "tags": given(TAGS), **changes})


def schedule(**changes: Any) -> Resource:
    good = {"autoscalingGroupName": "group-1", "desiredCapacity": 0}
    return aws("autoscaling.Schedule", "end", **{**good, **changes})


def budget(**changes: Any) -> Resource:
    notification = {"threshold": 80, "subscriberEmailAddresses": ["ml-team@example.org"]}
    return aws("budgets.Budget", "budget", **{"notifications": [notification], **changes})


def bucket() -> list[Resource]:
    """A bucket with everything that keeps it closed."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    return [
        aws("s3.Bucket", "data", bucket="berth-trial"),
        aws("s3.BucketPublicAccessBlock", "closed", bucket="data-id", **dict.fromkeys(switches, True)),
        aws("s3.BucketServerSideEncryptionConfiguration", "encrypted", bucket="data-id"),
        aws("s3.BucketPolicy", "policy", bucket="data-id", policy=json.dumps({"Statement": [deny]})),
    ]


def environment() -> list[Resource]:
    """A whole environment in which nothing is wrong."""
    return [
        aws("ec2.Vpc", "vpc", cidrBlock="10.20.0.0/16"),
        aws("ec2.Route", "route", destinationCidrBlock="0.0.0.0/0"),
        aws("ec2.DefaultSecurityGroup", "default", ingress=[], egress=[]),
        aws("ec2.ManagedPrefixList", "own", entries=[{"cidr": "203.0.113.7/32"}]),
        aws("vpc.SecurityGroupIngressRule", "ssh", prefixListId="pl-1", fromPort=22),
        aws("vpc.SecurityGroupIngressRule", "inside", cidrIpv4="10.20.0.0/16", fromPort=443),
        aws("vpc.SecurityGroupEgressRule", "out", cidrIpv4="0.0.0.0/0"),
        *bucket(),
        aws("ecr.Repository", "images"),
        aws("iam.RolePolicy", "policy", policy="{}"),
        aws("sns.Topic", "alerts"),
        aws("cloudwatch.LogGroup", "logs"),
        instance(),
        template(),
        group(),
        schedule(),
        budget(),
        kubernetes("apps/v1:Deployment", {"spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}}),
    ]
