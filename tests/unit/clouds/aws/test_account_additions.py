import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from account_samples import Network
from botocore.exceptions import ClientError

from rehearsal.clouds.aws import capacity, settings
from rehearsal.clouds.aws.settings import Settings

Client = Callable[[str], Any]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACCOUNT = "123456789012"


def test_quotas_have_a_default_and_an_applied_value(client: Client) -> None:
    quotas = client("service-quotas")
    wanted = {"ServiceCode": "ec2", "QuotaCode": "L-3819A6DF"}
    assert quotas.get_service_quota(**wanted)["Quota"]["Value"] == 64
    assert quotas.get_aws_default_service_quota(**wanted)["Quota"]["Value"] == 0
    codes = {row["QuotaCode"] for row in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]}
    assert {"L-3819A6DF", "L-7212CCBC", "L-DB2E81BA", "L-417A185B"} <= codes
    assert quotas.list_service_quotas(ServiceCode="vpc")["Quotas"], "other services are moto's"
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")


def test_an_increase_is_asked_for_and_not_granted(client: Client) -> None:
    quotas = client("service-quotas")
    wanted = {"ServiceCode": "ec2", "QuotaCode": "L-3819A6DF"}
    made = quotas.request_service_quota_increase(**wanted, DesiredValue=128)["RequestedQuota"]
    assert made["Status"] == "PENDING"
    assert quotas.get_service_quota(**wanted)["Quota"]["Value"] == 64


def test_prices_repeat_themselves_and_differ_by_zone_and_time() -> None:
    zones = capacity.zones("g4dn.xlarge", "us-east-1")
    prices = {zone: capacity.spot("g4dn.xlarge", zone, NOW) for zone in zones}
    assert prices == {zone: capacity.spot("g4dn.xlarge", zone, NOW) for zone in zones}
    assert len(set(prices.values())) == len(zones)
    assert all(0.2 * 0.526 < price < 0.8 * 0.526 for price in prices.values())
    week = [capacity.spot("g4dn.xlarge", zones[0], NOW + timedelta(hours=6 * slot)) for slot in range(28)]
    assert max(week) > 1.05 * min(week), "prices move within a week"


def test_price_history_covers_the_time_asked_for(client: Client) -> None:
    ec2 = client("ec2")
    wanted = {"InstanceTypes": ["g4dn.xlarge"], "ProductDescriptions": ["Linux/UNIX"]}
    start = datetime.now(UTC) - timedelta(days=2)
    rows = ec2.describe_spot_price_history(**wanted, AvailabilityZone="us-east-1a", StartTime=start)
    times = [row["Timestamp"] for row in rows["SpotPriceHistory"]]
    assert times == sorted(times, reverse=True)
    assert 8 <= len(times) <= 9
    assert times[-1] <= start + timedelta(seconds=1), "the price at the start is in it"
    now = ec2.describe_spot_price_history(**wanted, StartTime=datetime.now(UTC))["SpotPriceHistory"]
    assert sorted(row["AvailabilityZone"] for row in now) == capacity.zones("g4dn.xlarge", "us-east-1")
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        **wanted, PaginationConfig={"PageSize": 100}
    )
    everything = [row["Timestamp"] for page in pages for row in page["SpotPriceHistory"]]
    assert len(everything) > 1000
    assert everything == sorted(everything, reverse=True)
    windows = ec2.describe_spot_price_history(**{**wanted, "ProductDescriptions": ["Windows"]})
    assert windows["SpotPriceHistory"] == []


def test_scores_rise_with_choice_and_fall_with_the_target(client: Client) -> None:
    ec2 = client("ec2")

    def best(types: list[str], target: int) -> int:
        found = ec2.get_spot_placement_scores(
            InstanceTypes=types, TargetCapacity=target, SingleAvailabilityZone=True, RegionNames=["us-east-1"]
        )["SpotPlacementScores"]
        assert all(row["AvailabilityZoneId"].startswith("use1-az") for row in found)
        return int(found[0]["Score"])

    three = ["g4dn.xlarge", "g5.xlarge", "g6.xlarge"]
    assert best(three, 1) == 9
    assert best(three[:1], 1) < best(three, 1), "fewer than three types score low"
    assert best(three, 5000) == 1


def test_a_zone_can_be_without_a_type(client: Client) -> None:
    filters = [{"Name": "instance-type", "Values": ["p4de.24xlarge"]}]
    found = client("ec2").describe_instance_type_offerings(LocationType="availability-zone", Filters=filters)
    assert sorted(row["Location"] for row in found["InstanceTypeOfferings"]) == ["us-east-1b", "us-east-1c"]


def test_public_parameters_name_images_of_the_account(client: Client) -> None:
    ssm, ec2 = client("ssm"), client("ec2")
    name = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
    ami = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    (image,) = ec2.describe_images(ImageIds=[ami])["Images"]
    assert image["Name"].startswith("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)")
    ssm.put_parameter(Name="/mine", Value="1", Type="String")
    found = ssm.get_parameters(Names=[name, "/mine", "/other"])
    assert [row["Name"] for row in found["Parameters"]] == [name, "/mine"]
    assert found["InvalidParameters"] == ["/other"]
    path = "/aws/service/eks/optimized-ami/1.35"
    assert len(ssm.get_parameters_by_path(Path=path, Recursive=True)["Parameters"]) == 2


def test_debian_is_found_by_owner_and_pattern(client: Client) -> None:
    filters = [{"Name": "name", "Values": ["debian-13-amd64-*"]}]
    found = client("ec2").describe_images(Owners=["136693071363"], Filters=filters)["Images"]
    assert len(found) == 2
    assert {row["RootDeviceName"] for row in found} == {"/dev/xvda"}
    assert client("ec2").describe_images(Owners=["amazon"], Filters=filters)["Images"] == []


def test_a_budget_is_changed_subscribed_to_and_tagged(client: Client) -> None:
    budgets = client("budgets")
    budget = {
        "BudgetName": "b",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "10", "Unit": "USD"},
        "TimePeriod": {"Start": datetime(2026, 1, 1, tzinfo=UTC), "End": datetime(2087, 6, 15, tzinfo=UTC)},
    }
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    mail = {"SubscriptionType": "EMAIL", "Address": "a@example.org"}
    other = {"SubscriptionType": "EMAIL", "Address": "b@example.org"}
    named = {"AccountId": ACCOUNT, "BudgetName": "b"}
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget=budget,
        NotificationsWithSubscribers=[{"Notification": notification, "Subscribers": [mail]}],
        ResourceTags=[{"Key": "owner", "Value": "me"}],
    )
    budgets.create_subscriber(**named, Notification=notification, Subscriber=other)
    assert budgets.describe_subscribers_for_notification(**named, Notification=notification)[
        "Subscribers"
    ] == [
        mail,
        other,
    ]
    budgets.update_budget(
        AccountId=ACCOUNT, NewBudget={**budget, "BudgetLimit": {"Amount": "20", "Unit": "USD"}}
    )
    assert budgets.describe_budget(**named)["Budget"]["BudgetLimit"]["Amount"] in ("20", "20.0")
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/b"
    budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "more", "Value": "1"}])
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["owner"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "more", "Value": "1"}]


def test_instance_connect_endpoints_live_in_a_subnet(client: Client, network: Network) -> None:
    ec2 = client("ec2")
    specification = {"ResourceType": "instance-connect-endpoint", "Tags": [{"Key": "a", "Value": "1"}]}
    number = ec2.create_instance_connect_endpoint(
        SubnetId=network.subnets[0], SecurityGroupIds=[network.group], TagSpecifications=[specification]
    )["InstanceConnectEndpoint"]["InstanceConnectEndpointId"]
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=network.subnets[0])
    ec2.create_tags(Resources=[number], Tags=[{"Key": "b", "Value": "2"}])
    filters = [{"Name": "tag:b", "Values": ["2"]}]
    (found,) = ec2.describe_instance_connect_endpoints(Filters=filters)["InstanceConnectEndpoints"]
    assert found["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    ec2.delete_instance_connect_endpoint(InstanceConnectEndpointId=number)
    with pytest.raises(ClientError, match="NotFound"):
        ec2.describe_instance_connect_endpoints(InstanceConnectEndpointIds=[number])
    ec2.delete_subnet(SubnetId=network.subnets[0])


def test_a_network_is_deleted_from_its_leaves(client: Client, network: Network) -> None:
    ec2 = client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=network.subnets[0], AllocationId=address)["NatGateway"][
        "NatGatewayId"
    ]
    for call, params in (
        (ec2.delete_vpc, {"VpcId": network.vpc}),
        (ec2.delete_subnet, {"SubnetId": network.subnets[0]}),
        (ec2.detach_internet_gateway, {"InternetGatewayId": gateway, "VpcId": network.vpc}),
    ):
        with pytest.raises(ClientError, match="DependencyViolation"):
            call(**params)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.release_address(AllocationId=address)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    for subnet in network.subnets:
        ec2.delete_subnet(SubnetId=subnet)
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_vpc(VpcId=network.vpc)
    ec2.delete_security_group(GroupId=network.group)
    ec2.delete_vpc(VpcId=network.vpc)


def test_a_group_that_a_rule_names_stays(client: Client, network: Network) -> None:
    ec2 = client("ec2")
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=network.vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": other}]}
    ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[rule])
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=other)
    ec2.revoke_security_group_ingress(GroupId=network.group, IpPermissions=[rule])
    ec2.delete_security_group(GroupId=other)


def test_repositories_are_where_the_images_are(client: Client) -> None:
    settings.use(Settings(registry="10.213.0.1:5000", registry_password="word"))
    ecr = client("ecr")
    made = ecr.create_repository(repositoryName="berth/train")["repository"]
    assert made["repositoryUri"] == "10.213.0.1:5000/berth/train"
    assert ecr.describe_repositories()["repositories"][0]["repositoryUri"] == made["repositoryUri"]
    (token,) = ecr.get_authorization_token()["authorizationData"]
    assert token["authorizationToken"] == "QVdTOndvcmQ="
    assert token["proxyEndpoint"] == "https://10.213.0.1:5000"
    assert token["expiresAt"] > datetime.now(UTC)


def test_an_alarms_tags_go_with_it(client: Client) -> None:
    watch = client("cloudwatch")
    alarm = {
        "AlarmName": "a",
        "MetricName": "EstimatedCharges",
        "Namespace": "AWS/Billing",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "Period": 60,
        "Statistic": "Maximum",
    }
    watch.put_metric_alarm(**alarm, Tags=[{"Key": "a", "Value": "1"}])
    watch.delete_alarms(AlarmNames=["a"])
    watch.put_metric_alarm(**alarm)
    arn = watch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    assert watch.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


def test_a_bucket_that_wants_tls_can_be_used_here(client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="data")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
    }
    insecure = {**statement, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket="data", Policy=json.dumps({"Version": "2012-10-17", "Statement": [insecure]}))
    s3.put_object(Bucket="data", Key="a", Body=b"1")
    assert s3.get_object(Bucket="data", Key="a")["Body"].read() == b"1"
    s3.put_bucket_policy(
        Bucket="data", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    with pytest.raises(ClientError, match=r"\(403\)"):
        s3.put_object(Bucket="data", Key="a", Body=b"1")


def test_snapshots_of_public_images_are_not_ones_own(client: Client) -> None:
    ec2 = client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    assert [row["SnapshotId"] for row in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]] == [made]
    assert len(ec2.describe_snapshots()["Snapshots"]) > 1


def test_rules_of_every_source_are_changed_in_place(client: Client, network: Network) -> None:
    ec2 = client("ec2")
    pair = {"GroupId": network.group, "Description": "inside"}
    rules = ec2.authorize_security_group_ingress(
        GroupId=network.group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [pair]}],
    )["SecurityGroupRules"]
    number = rules[0]["SecurityGroupRuleId"]

    def shown() -> Any:
        return ec2.describe_security_group_rules(SecurityGroupRuleIds=[number])["SecurityGroupRules"][0]

    assert shown()["Description"] == "inside"
    new = {"IpProtocol": "-1", "ReferencedGroupId": network.group, "Description": "all"}
    change = {"SecurityGroupRuleId": number, "SecurityGroupRule": new}
    ec2.modify_security_group_rules(GroupId=network.group, SecurityGroupRules=[change])
    assert (shown()["IpProtocol"], shown()["Description"]) == ("-1", "all")
    other = {**change, "SecurityGroupRule": {"IpProtocol": "-1", "CidrIpv4": "10.0.0.0/8"}}
    with pytest.raises(ClientError, match="You may not specify CidrIpv4"):
        ec2.modify_security_group_rules(GroupId=network.group, SecurityGroupRules=[other])


def test_parts_of_a_network_are_changed_as_on_aws(client: Client, network: Network) -> None:
    ec2 = client("ec2")
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    endpoint = ec2.create_vpc_endpoint(VpcId=network.vpc, ServiceName="com.amazonaws.us-east-1.s3")
    number = endpoint["VpcEndpoint"]["VpcEndpointId"]

    def targets() -> list[str]:
        (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
        return [route.get("GatewayId", "") for route in found["Routes"]]

    ec2.modify_vpc_endpoint(VpcEndpointId=number, AddRouteTableIds=[table])
    assert number in targets()
    ec2.delete_vpc_endpoints(VpcEndpointIds=[number])
    assert number not in targets()
    made = ec2.create_managed_prefix_list(PrefixListName="own", MaxEntries=2, AddressFamily="IPv4")
    changed = ec2.modify_managed_prefix_list(
        PrefixListId=made["PrefixList"]["PrefixListId"],
        CurrentVersion=1,
        AddEntries=[{"Cidr": "203.0.113.7/32"}],
    )
    assert changed["PrefixList"]["PrefixListName"] == "own"
    specification = {"ResourceType": "dhcp-options", "Tags": [{"Key": "a", "Value": "1"}]}
    options = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.org"]}],
        TagSpecifications=[specification],
    )["DhcpOptions"]["DhcpOptionsId"]
    (found,) = ec2.describe_dhcp_options(DhcpOptionsIds=[options])["DhcpOptions"]
    assert found["Tags"] == [{"Key": "a", "Value": "1"}]
    interface = ec2.create_network_interface(SubnetId=network.subnets[0])["NetworkInterface"]
    assert interface["PrivateIpAddress"].startswith("10.0.0."), "an address of its subnet"


def test_a_templates_own_tags_are_not_its_data(client: Client) -> None:
    ec2 = client("ec2")
    own = {"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "1"}]}
    ec2.create_launch_template(
        LaunchTemplateName="t", LaunchTemplateData={"InstanceType": "t3.nano"}, TagSpecifications=[own]
    )
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="t")["LaunchTemplateVersions"]
    assert version["LaunchTemplateData"] == {"InstanceType": "t3.nano"}
    ec2.create_launch_template_version(
        LaunchTemplateName="t", SourceVersion="1", LaunchTemplateData={"EbsOptimized": True}
    )
    newest = ec2.describe_launch_template_versions(LaunchTemplateName="t", Versions=["$Latest"])
    data = newest["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert (data["InstanceType"], data["EbsOptimized"]) == ("t3.nano", True)


def test_a_versioned_bucket_is_emptied_at_once(client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket="data", Key="a", Body=b"1")
        s3.delete_object(Bucket="data", Key="a")
    found = s3.list_object_versions(Bucket="data")
    rows = [*found["DeleteMarkers"], *found["Versions"]]
    wanted = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
    assert len(s3.delete_objects(Bucket="data", Delete={"Objects": wanted})["Deleted"]) == 4
    s3.delete_bucket(Bucket="data")
    assert s3.list_buckets()["Buckets"] == []
