"""Reads the emulated account: EC2's answers as the values of `model.py`, and a few of the administration.

Nothing here decides anything. The answers' shapes: docs.aws.amazon.com/AWSEC2/latest/APIReference/.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import urllib3

from rehearsal.machines.model import (
    Account,
    Endpoint,
    Instance,
    Interruption,
    Rule,
    SecurityGroup,
    Subnet,
    Volume,
)

Answer = dict[str, Any]


class Reader:
    """The connection to the account. endpoint: its plain address, such as http://10.213.0.1:4566."""

    def __init__(self, endpoint: str, credentials: tuple[str, str], region: str) -> None:
        import boto3
        from botocore.config import Config

        self.region = region
        self._endpoint = endpoint
        self._http = urllib3.PoolManager(timeout=10.0, retries=urllib3.Retry(2, status=0))
        # Faults that a rehearsal injects are for the environment's own calls; these are simply repeated.
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 8}, user_agent_extra="berth-machines"
        )
        key_id, secret = credentials
        self._ec2 = boto3.client(
            "ec2",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=config,
        )

    def health(self) -> tuple[str, int]:
        """The account's incarnation, and its generation, which every change counts up."""
        answer = self.ask("GET", "health")
        return str(answer["incarnation"]), int(answer["generation"])

    def ask(self, method: str, path: str, content: Answer | None = None) -> Any:
        """One question to the administration.

        Raises:
            OSError: it does not answer, or refuses.
        """
        body = json.dumps(content) if content is not None else None
        try:
            answer = self._http.request(method, f"{self._endpoint}/_berth/{path}", body=body)
        except urllib3.exceptions.HTTPError as reason:
            raise OSError(f"{method} {path}: {reason}") from reason
        if answer.status >= 300:
            raise OSError(f"{method} {path}: {answer.status} {answer.data.decode(errors='replace').strip()}")
        return answer.json()

    def user_data(self, instance_id: str) -> bytes | None:
        """An instance's user-data, byte for byte; None where it has none."""
        answer = self._ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        value = answer.get("UserData", {}).get("Value")
        return base64.b64decode(value) if value else None

    def own_images(self) -> list[str]:
        """Images that were made in this account."""
        return [image["ImageId"] for image in self._ec2.describe_images(Owners=["self"])["Images"]]

    def read(self) -> Account:
        """The whole account, as far as it concerns machines."""
        ec2 = self._ec2
        raw = [i for r in _all(ec2, "describe_instances", "Reservations") for i in _with(r, "Instances")]
        used = {i["SubnetId"] for i in raw if "SubnetId" in i}
        volumes = _all(ec2, "describe_volumes", "Volumes")
        keys = ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
        public_keys = {key["KeyName"]: key.get("PublicKey", "") for key in keys}
        return Account(
            region=self.region,
            instances=tuple(instance(i, volumes, public_keys, self.region) for i in raw if "SubnetId" in i),
            subnets={s.id: s for s in self._subnets() if s.id in used},
            groups={g.id: g for g in self._groups()},
            interruptions=tuple(
                Interruption(instance=notice["instance_id"], at=_seconds(notice["at"]))
                for notice in self.ask("GET", "interruptions")
            ),
        )

    def _subnets(self) -> list[Subnet]:
        ec2 = self._ec2
        return subnets(
            _all(ec2, "describe_subnets", "Subnets"),
            _all(ec2, "describe_vpcs", "Vpcs"),
            _all(ec2, "describe_route_tables", "RouteTables"),
            _all(ec2, "describe_nat_gateways", "NatGateways"),
            _all(ec2, "describe_vpc_endpoints", "VpcEndpoints"),
        )

    def _groups(self) -> list[SecurityGroup]:
        lists: dict[str, tuple[list[str], str]] = {}
        for found in _all(self._ec2, "describe_managed_prefix_lists", "PrefixLists"):
            key, name = found["PrefixListId"], found.get("PrefixListName", "")
            if name.startswith("com.amazonaws."):
                lists[key] = ([], name.split(".", 3)[-1])
            else:
                entries = self._ec2.get_managed_prefix_list_entries(PrefixListId=key)["Entries"]
                lists[key] = ([entry["Cidr"] for entry in entries], "")
        return [
            group(found, lists) for found in _all(self._ec2, "describe_security_groups", "SecurityGroups")
        ]


def instance(raw: Answer, volumes: list[Answer], keys: dict[str, str], region: str) -> Instance:
    """An instance from DescribeInstances, with its volumes from DescribeVolumes."""
    attached = [
        Volume(device=place["Device"], id=volume["VolumeId"], gib=volume["Size"])
        for volume in volumes
        for place in volume.get("Attachments", [])
        if place["InstanceId"] == raw["InstanceId"]
    ]
    root_name = raw.get("RootDeviceName", "/dev/xvda")
    roots = [volume.gib for volume in attached if volume.device == root_name]
    options, profile = raw.get("MetadataOptions", {}), raw.get("IamInstanceProfile")
    name = raw.get("KeyName")
    interfaces = raw.get("NetworkInterfaces") or [{}]
    return Instance(
        id=raw["InstanceId"],
        type=raw["InstanceType"],
        state=raw["State"]["Name"],
        image=raw["ImageId"],
        address=raw.get("PrivateIpAddress") or "0.0.0.0",  # noqa: S104 - of an instance that has ended
        mac=interfaces[0].get("MacAddress", ""),
        subnet=raw["SubnetId"],
        vpc=raw["VpcId"],
        zone=raw["Placement"]["AvailabilityZone"],
        region=region,
        account=interfaces[0].get("OwnerId") or "123456789012",
        public_address=raw.get("PublicIpAddress") or None,
        groups=tuple((found["GroupId"], found["GroupName"]) for found in raw.get("SecurityGroups", [])),
        root_gib=max(roots, default=8),
        volumes=tuple(sorted((v for v in attached if v.device != root_name), key=lambda v: v.device)),
        spot=raw.get("InstanceLifecycle") == "spot",
        key=(name, keys.get(name, "")) if name else None,
        profile=(profile["Arn"], profile.get("Id", "")) if profile else None,
        metadata=options.get("HttpEndpoint", "enabled") == "enabled",
        hop_limit=int(options.get("HttpPutResponseHopLimit", 1)),
        tags_in_metadata=options.get("InstanceMetadataTags") == "enabled",
        tags=tuple(sorted((tag["Key"], tag["Value"]) for tag in raw.get("Tags", []))),
        reservation=raw.get("ReservationId", ""),
        launched=raw["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def group(raw: Answer, lists: dict[str, tuple[list[str], str]]) -> SecurityGroup:
    """A group from DescribeSecurityGroups. lists: prefix list's id to its blocks, or to AWS's service."""
    return SecurityGroup(
        id=raw["GroupId"],
        ingress=tuple(_rule(found, lists) for found in raw.get("IpPermissions", [])),
        egress=tuple(_rule(found, lists) for found in raw.get("IpPermissionsEgress", [])),
    )


def _rule(raw: Answer, lists: dict[str, tuple[list[str], str]]) -> Rule:
    protocol = {"6": "tcp", "17": "udp", "1": "icmp"}.get(str(raw["IpProtocol"]), str(raw["IpProtocol"]))
    first, last = raw.get("FromPort"), raw.get("ToPort")
    named = [lists.get(found["PrefixListId"], ([], "")) for found in raw.get("PrefixListIds", [])]
    return Rule(
        protocol=protocol,
        ports=(int(first), int(last)) if protocol in {"tcp", "udp"} and first and last else None,
        addresses=tuple(
            [found["CidrIp"] for found in raw.get("IpRanges", [])]
            + [cidr for cidrs, _ in named for cidr in cidrs]
        ),
        groups=tuple(found["GroupId"] for found in raw.get("UserIdGroupPairs", [])),
        services=tuple(service for _, service in named if service),
    )


def subnets(
    raw: list[Answer], vpcs: list[Answer], tables: list[Answer], gateways: list[Answer], points: list[Answer]
) -> list[Subnet]:
    """Subnets with the ways out that their route tables give them."""
    blocks = {vpc["VpcId"]: vpc["CidrBlock"] for vpc in vpcs}
    cidrs = {found["SubnetId"]: found["CidrBlock"] for found in raw}
    elastic = {
        found["NatGatewayId"]: (found.get("NatGatewayAddresses") or [{}])[0].get("PublicIp")
        for found in gateways
        if found["State"] == "available"
    }
    result = []
    for found in raw:
        table = _table_of(found, tables)
        routes = [r for r in table.get("Routes", []) if r.get("State", "active") == "active"]
        default: Answer = next((r for r in routes if r.get("DestinationCidrBlock") == "0.0.0.0/0"), {})
        result.append(
            Subnet(
                id=found["SubnetId"],
                vpc=found["VpcId"],
                vpc_cidr=blocks[found["VpcId"]],
                cidr=found["CidrBlock"],
                zone=found["AvailabilityZone"],
                internet_gateway=str(default.get("GatewayId", "")).startswith("igw-"),
                nat=elastic.get(default.get("NatGatewayId", "")),
                endpoints=tuple(
                    endpoint(p, cidrs)
                    for p in points
                    if p["VpcId"] == found["VpcId"]
                    and _reaches(p, table)
                    and p.get("State", "") == "available"
                ),
            )
        )
    return result


def endpoint(raw: Answer, cidrs: dict[str, str]) -> Endpoint:
    """An endpoint from DescribeVpcEndpoints. cidrs: of the subnets."""
    return Endpoint(
        id=raw["VpcEndpointId"],
        service=raw["ServiceName"].split(".", 3)[-1],
        groups=tuple(found["GroupId"] for found in raw.get("Groups", [])),
        cidrs=tuple(cidrs[subnet] for subnet in raw.get("SubnetIds", []) if subnet in cidrs),
        gateway=raw.get("VpcEndpointType", "Gateway") == "Gateway",
    )


def _reaches(raw: Answer, table: Answer) -> bool:
    """A gateway is in route tables; interfaces are found by everybody, if the private DNS name is theirs."""
    if raw.get("VpcEndpointType", "Gateway") == "Gateway":
        return table.get("RouteTableId") in raw.get("RouteTableIds", [])
    return bool(raw.get("PrivateDnsEnabled", True))


def _table_of(subnet: Answer, tables: list[Answer]) -> Answer:
    main: Answer = {}
    for table in tables:
        for link in table.get("Associations", []):
            if link.get("SubnetId") == subnet["SubnetId"]:
                return table
            if link.get("Main") and table["VpcId"] == subnet["VpcId"]:
                main = table
    return main


def _with(reservation: Answer, name: str) -> list[Answer]:
    return [found | {"ReservationId": reservation["ReservationId"]} for found in reservation[name]]


def _all(client: Any, operation: str, name: str) -> list[Answer]:
    return [item for page in client.get_paginator(operation).paginate() for item in page[name]]


def _seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
