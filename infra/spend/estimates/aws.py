"""What AWS's resources cost. Machines are in `aws_machines`."""

from collections.abc import Iterator, Mapping

from infra.spend.estimates import aws_machines
from infra.spend.estimates.aws_disks import disk_line
from infra.spend.estimates.lines import (
    Context,
    Line,
    Priced,
    Pricing,
    block,
    blocks,
    nothing,
    number,
    rate,
    service,
    text,
    texts,
)

# What usage is taken to be where nothing says it.
BUCKET_GB = 10
REPOSITORY_GB = 10
EGRESS_GB_MONTH = 100
# https://aws.amazon.com/ec2/pricing/on-demand/ (data transfer): free in a month, an account's all together.
_FREE_EGRESS_GB = 100


def _address(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(one, "public address", ("aws", "public-address"))


def _nat_gateway(one: Priced, _around: Context) -> Iterator[Line]:
    private = text(one.props, "connectivityType") == "private"
    what = "NAT gateway (private)" if private else "NAT gateway"
    yield service(one, what, ("aws", "nat-gateway"), unit=rate(("aws", "nat-gateway-data"), "GB through it"))


def _endpoint(one: Priced, _around: Context) -> Iterator[Line]:
    kind = text(one.props, "vpcEndpointType") or "Gateway"
    if kind == "Gateway":
        return
    zones = len(texts(one.props, "subnetIds")) or len(blocks(one.props, "subnetConfigurations"))
    name = text(one.props, "serviceName").rpartition(".")[2]
    yield service(
        one,
        f"interface endpoint {name}".rstrip(),
        ("aws", "interface-endpoint"),
        times=max(zones, 1),
        unit=rate(("aws", "interface-endpoint-data"), "GB through it"),
        assumption=f"in {zones} zones" if zones > 1 else "",
    )


def _bucket(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "object storage",
        ("aws", "s3-standard-storage"),
        times=BUCKET_GB,
        unit=rate(("aws", "s3-standard-storage"), "GB kept a month"),
        assumption=f"{BUCKET_GB} GB kept",
    )


def _repository(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "image repository",
        ("aws", "ecr-storage"),
        times=REPOSITORY_GB,
        unit=rate(("aws", "ecr-storage"), "GB kept a month"),
        assumption=f"{REPOSITORY_GB} GB kept",
    )


def _egress(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "traffic to the internet",
        ("aws", "egress-over-100-gb"),
        times=0,
        unit=rate(("aws", "egress-over-100-gb"), f"GB a month over the account's first {_FREE_EGRESS_GB}"),
        assumption=f"no more than {EGRESS_GB_MONTH} GB a month, which are free",
    )


def _log_group(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "logs",
        ("aws", "cloudwatch-logs-ingested"),
        times=0,
        unit=rate(("aws", "cloudwatch-logs-ingested"), "GB written"),
        assumption="no more than 5 GB a month, which are free",
    )


def _alarm(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(one, "alarm", ("aws", "cloudwatch-alarm"), assumption="over the account's 10 free ones")


def _volume(one: Priced, _around: Context) -> Iterator[Line]:
    yield disk_line(one, "volume", [one.props], size="size", kind="type")


def _snapshot(one: Priced, _around: Context) -> Iterator[Line]:
    size = number(one.props, "volumeSize")
    yield service(
        one,
        "snapshot",
        ("aws", "ebs-snapshot"),
        times=size,
        unit=rate(("aws", "ebs-snapshot"), "GB kept a month"),
        assumption="as large as its volume, at most" if size else "its volume's size is not known",
    )


def _load_balancer(one: Priced, _around: Context) -> Iterator[Line]:
    kind = text(one.props, "loadBalancerType") or "application"
    if kind not in {"application", "network"}:
        yield Line(what=f"load balancer ({kind})", resource=one.name, hourly_usd=None)
        return
    capacity = ("aws", f"{kind}-load-balancer-capacity")
    yield service(
        one,
        f"load balancer ({kind})",
        ("aws", f"{kind}-load-balancer"),
        unit=rate(capacity, "capacity unit and hour"),
    )


def _classic_load_balancer(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(
        one,
        "load balancer (classic)",
        ("aws", "classic-load-balancer"),
        unit=rate(("aws", "classic-load-balancer-data"), "GB through it"),
    )


def _function(one: Priced, _around: Context) -> Iterator[Line]:
    # https://aws.amazon.com/lambda/pricing/: every account's, every month's.
    yield Line(
        what="function",
        resource=one.name,
        hourly_usd=0.0,
        unit="paid by calls and their length beyond the first million calls and 400,000 GB-seconds a month",
        source="https://aws.amazon.com/lambda/pricing/",
        assumption="few and short calls, such as the reaper's",
    )


def _cluster(one: Priced, _around: Context) -> Iterator[Line]:
    standard = text(block(one.props, "upgradePolicy"), "supportType") == "STANDARD"
    extended = rate(("aws", "eks-control-plane-extended-support"), "hour in extended support")
    yield service(
        one,
        "EKS control plane",
        ("aws", "eks-control-plane"),
        unit="" if standard else extended,
        assumption="a version in standard support",
    )


def _key(one: Priced, _around: Context) -> Iterator[Line]:
    yield service(one, "encryption key", ("aws", "kms-key"))


PRICED: Mapping[str, Pricing] = {
    "aws:alb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:autoscaling/group:Group": aws_machines.group,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ebs/snapshot:Snapshot": _snapshot,
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/eip:Eip": _address,
    "aws:ec2/instance:Instance": aws_machines.instance,
    "aws:ec2/internetGateway:InternetGateway": _egress,
    "aws:ec2/natGateway:NatGateway": _nat_gateway,
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest": aws_machines.instance,
    "aws:ec2/volume:Volume": _volume,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecr/repository:Repository": _repository,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": aws_machines.node_group,
    "aws:elb/loadBalancer:LoadBalancer": _classic_load_balancer,
    "aws:lambda/function:Function": _function,
    "aws:kms/key:Key": _key,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketV2:BucketV2": _bucket,
    # Paid for with the machines that are started from it.
    "aws:ec2/launchTemplate:LaunchTemplate": nothing,
}
# Types that begin so are free, or are paid for with what they belong to. The first budgets that do nothing
# but tell are free too. https://aws.amazon.com/aws-cost-management/aws-budgets/pricing/
FREE: tuple[str, ...] = (
    "aws:alb/",
    "aws:autoscaling/",
    "aws:budgets/budget:",
    "aws:cloudwatch/eventRule:",
    "aws:cloudwatch/eventTarget:",
    "aws:ec2/defaultSecurityGroup:",
    "aws:ec2/eipAssociation:",
    "aws:ec2/egressOnlyInternetGateway:",
    "aws:ec2/flowLog:",
    "aws:ec2/keyPair:",
    "aws:ec2/managedPrefixList",
    "aws:ec2/networkAcl",
    "aws:ec2/networkInterface",
    "aws:ec2/placementGroup:",
    "aws:ec2/route",
    "aws:ec2/securityGroup",
    "aws:ec2/subnet:",
    "aws:ec2/vpc:",
    "aws:ec2/vpcDhcp",
    "aws:ec2/volumeAttachment:",
    "aws:ec2transitgateway/instanceConnectEndpoint:",
    "aws:ecr/lifecyclePolicy:",
    "aws:ecr/repositoryPolicy:",
    "aws:eks/accessEntry:",
    "aws:eks/accessPolicyAssociation:",
    "aws:eks/addon:",
    "aws:eks/podIdentityAssociation:",
    "aws:iam/",
    "aws:kms/alias:",
    "aws:lambda/permission:",
    "aws:lb/",
    "aws:s3/bucket",
    # 14 million calls a month are free. https://aws.amazon.com/eventbridge/pricing/
    "aws:scheduler/",
    "aws:scheduler/schedule:",
    "aws:sns/",
    "aws:ssm/parameter:",
    "aws:vpc/",
)
