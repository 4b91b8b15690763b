"""Functions about the account and where it is: regions, zones, identity, quotas."""

from functools import cache
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.functions.request import Request, Values, given, one, rename, unique


@cache
def _partitions() -> list[Values]:
    """AWS's partitions with their regions, from the data that botocore ships."""
    import botocore.session

    partitions: list[Values] = botocore.session.get_session().get_data("partitions")["partitions"]
    return partitions


def _partition_of(region: str) -> Values:
    for partition in _partitions():
        if region in partition["regions"]:
            return partition
    raise BerthError(f"region not found for name {region!r}", "A region is named like us-east-1.")


def region(request: Request) -> Values:
    """By name, by EC2 endpoint, or the provider's own."""
    name, endpoint = request.get("name"), request.get("endpoint")
    if endpoint:
        found = [
            region
            for partition in _partitions()
            for region in partition["regions"]
            if _endpoint(region) == endpoint
        ]
        if not found:
            raise BerthError(f"region not found for endpoint {endpoint!r}")
        if name and name != found[0]:
            raise BerthError("multiple Regions matched", "Name the region or its endpoint, not both.")
        name = found[0]
    name = name or request.get("id") or request.region
    described = _partition_of(name)["regions"][name]
    return {
        "id": name,
        "name": name,
        "region": name,
        "description": described.get("description", ""),
        "endpoint": _endpoint(name),
    }


def _endpoint(region: str) -> str:
    return f"ec2.{region}.{_partition_of(region)['outputs']['dnsSuffix']}"


def partition(request: Request) -> Values:
    """The partition of the provider's region; `id` can be given and changes nothing, as in pulumi-aws."""
    found = _partition_of(request.region)
    suffix = found["outputs"]["dnsSuffix"]
    return {
        "id": request.get("id", found["id"]),
        "partition": found["id"],
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def caller_identity(request: Request) -> Values:
    """Who calls; `id` can be given and changes nothing, as in pulumi-aws."""
    found = request.api("sts").call("get_caller_identity")
    account = found["Account"]
    return {
        "id": request.get("id") or account,
        "accountId": account,
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


def availability_zones(request: Request) -> Values:
    """All zones that match, by name."""
    excluded = {*request.get("excludeNames", ()), *request.get("excludeZoneIds", ())}
    zones = sorted(
        (
            zone
            for zone in _zones(request, state=request.get("state"))
            if not excluded & {zone["ZoneName"], zone["ZoneId"]}
        ),
        key=lambda zone: str(zone["ZoneName"]),
    )
    return {
        "id": request.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": unique(_group(zone) for zone in zones),
    }


def availability_zone(request: Request) -> Values:
    """One zone."""
    zones = _zones(
        request, state=request.get("state"), zone_name=request.get("name"), zone_id=request.get("zoneId")
    )
    zone = one(zones, "EC2 Availability Zone")
    return {
        "id": zone["ZoneName"],
        "name": zone["ZoneName"],
        "nameSuffix": zone["ZoneName"].removeprefix(zone["RegionName"]).removeprefix("-"),
        "groupName": _group(zone),
        "zoneType": zone.get("ZoneType") or "availability-zone",
        "networkBorderGroup": zone.get("NetworkBorderGroup") or zone["RegionName"],
        "optInStatus": zone.get("OptInStatus") or "opt-in-not-required",
        **rename(
            zone,
            {
                "groupLongName": "GroupLongName",
                "parentZoneId": "ParentZoneId",
                "parentZoneName": "ParentZoneName",
                "state": "State",
                "zoneId": "ZoneId",
            },
        ),
    }


def _zones(request: Request, **attributes: Any) -> list[Values]:
    answer = request.api("ec2").call(
        "describe_availability_zones",
        **given(
            Filters=request.filters(**attributes),
            AllAvailabilityZones=request.get("allAvailabilityZones"),
        ),
    )
    return list(answer["AvailabilityZones"])


def _group(zone: Values) -> str:
    """The group of a zone that is no local zone is its region."""
    return str(zone.get("GroupName") or zone["RegionName"])


def service_quota(request: Request) -> Values:
    """A quota by code or name: the account's own value where it has one, else AWS's default."""
    service, code, name = request.get("serviceCode"), request.get("quotaCode"), request.get("quotaName")
    if bool(code) == bool(name):
        raise BerthError("exactly one of quotaCode and quotaName must be given")
    api = request.api("service-quotas")
    defaults = api.all("list_aws_default_service_quotas", "Quotas", ServiceCode=service)
    default = one(
        [
            quota
            for quota in defaults
            if name in (None, quota["QuotaName"]) and code in (None, quota["QuotaCode"])
        ],
        f"Service Quota ({service}/{code or name})",
    )
    try:
        own = api.call("get_service_quota", ServiceCode=service, QuotaCode=default["QuotaCode"])["Quota"]
    except AwsError as error:
        if not error.gone:
            raise
        own = default  # none was ever set
    return {
        "id": default["QuotaArn"],
        "arn": own["QuotaArn"],
        "value": own["Value"],
        "defaultValue": default["Value"],
        "usageMetrics": [_usage(default["UsageMetric"])] if default.get("UsageMetric") else [],
        **rename(default, {"adjustable": "Adjustable", "globalQuota": "GlobalQuota"}, False),
        **rename(
            default,
            {
                "quotaCode": "QuotaCode",
                "quotaName": "QuotaName",
                "serviceCode": "ServiceCode",
                "serviceName": "ServiceName",
            },
        ),
    }


def _usage(metric: Values) -> Values:
    dimensions = metric.get("MetricDimensions", {})
    return {
        "metricDimensions": [
            rename(
                dimensions, {"class": "Class", "resource": "Resource", "service": "Service", "type": "Type"}
            )
        ],
        **rename(
            metric,
            {
                "metricName": "MetricName",
                "metricNamespace": "MetricNamespace",
                "metricStatisticRecommendation": "MetricStatisticRecommendation",
            },
        ),
    }
