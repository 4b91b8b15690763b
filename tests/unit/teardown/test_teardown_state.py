"""What a teardown changes in a state."""

import json
from typing import Any

from scripted_engine import resource, urn

from scripts.berth.teardown import state

NAMESPACE, SERVICE = "kubernetes:core/v1:Namespace", "kubernetes:core/v1:Service"
RECORD = "aws:route53/record:Record"
K8S = "pulumi:providers:kubernetes"


def exported(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": {"resources": list(resources)}}


def test_forgetting_leaves_no_reference_behind() -> None:
    service = urn(SERVICE, "svc")
    made = exported(
        resource("berth:workload:Service", "serve"),
        resource(SERVICE, "svc", parent=urn("berth:workload:Service", "serve")),
        resource("berth:workload:Inner", "inner", parent=service),
        resource(
            *(RECORD, "name"),
            needs=[service],
            propertyDependencies={"records": [service], "zone": []},
            deletedWith=service,
        ),
    )
    after = state.without(made, [service])
    assert service not in json.dumps(after)
    kept = {one["urn"].rpartition("::")[2]: one for one in after["deployment"]["resources"]}
    assert kept["inner"]["parent"] == urn("berth:workload:Service", "serve"), "it joins its parent's parent"
    assert kept["name"]["propertyDependencies"] == {"records": [], "zone": []}
    assert made["deployment"]["resources"][3]["deletedWith"] == service, (
        "the state that was given is as it was"
    )


def test_protection_is_lifted_and_put() -> None:
    made = exported(resource(NAMESPACE, "a", protect=True), resource(NAMESPACE, "b"))
    after = state.protected_as(made, lift=[urn(NAMESPACE, "a")], put=[urn(NAMESPACE, "b")])
    assert [one.get("protect") for one in after["deployment"]["resources"]] == [None, True]


def test_what_a_provider_has_made_is_found_by_its_urn() -> None:
    provider = resource(K8S, "default", id="p1")
    made = exported(
        provider, resource(NAMESPACE, "a", provider=f"{provider['urn']}::p1"), resource(NAMESPACE, "b")
    )
    assert [one.name for one in state.of_provider(made, provider["urn"])] == ["a"]


def test_regions_and_tags_are_read_wherever_they_stand() -> None:
    tags = json.dumps({"tags": {"berth:owner": "ml-team"}})
    made = exported(
        resource("pulumi:providers:aws", "aws", inputs={"region": "eu-north-1", "defaultTags": tags}),
        resource("aws:ebs/volume:Volume", "v", inputs={"availabilityZone": "us-west-2b"}),
        resource("aws:sns/topic:Topic", "t", outputs={"arn": "arn:aws:sns:us-east-1:123456789012:t"}),
        resource("aws:ec2/vpc:Vpc", "net"),
    )
    found = {one.name: state.region(made, one) for one in state.resources(made)}
    assert (found["v"], found["t"], found["net"]) == ("us-west-2", "us-east-1", "eu-north-1")
    assert state.default_tags(made) == {"berth:owner": "ml-team"}
