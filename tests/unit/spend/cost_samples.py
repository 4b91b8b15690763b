"""Resources to price: those of the committed graphs, and some made up."""

from pathlib import Path
from typing import Any

import yaml

from infra.spend.estimate import Priced
from infra.spend.estimates.lines import UNKNOWN

GOLDEN = Path(__file__).parents[2] / "golden"
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def committed(name: str) -> list[Priced]:
    graph = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
    return [
        Priced(type=key.split(" ")[0], name=key.split(" ")[1], props=one["inputs"])
        for key, one in graph["resources"].items()
    ]


def one(token: str, region: str = "us-east-1", **props: Any) -> Priced:
    return Priced(type=token, name="it", props=props, region=region)


def group(types: list[str], *, spot: bool = True, **props: Any) -> Priced:
    spread: dict[str, Any] = {"onDemandPercentageAboveBaseCapacity": 0 if spot else 100}
    if "most" in props:
        spread["spotMaxPrice"] = props.pop("most")
    policy = {
        "instancesDistribution": spread,
        "launchTemplate": {
            "launchTemplateSpecification": {"launchTemplateId": UNKNOWN},
            "overrides": [{"instanceType": name} for name in types],
        },
    }
    return one(GROUP, mixedInstancesPolicy=policy, **{"desiredCapacity": 1, "maxSize": 1, **props})


def without(*keys: str) -> list[dict[str, Any]]:
    """Properties that are missing, unknown, or of another shape than they should be."""
    empty: list[dict[str, Any]] = [{key: {} for key in keys}, {key: [] for key in keys}]
    return [{}, dict.fromkeys(keys, UNKNOWN), *empty]
