from datetime import UTC, datetime

import pytest
from leaky_account import CLUSTER, OURS, Leaky, specified, tag_list

from infra.spend.leaks import IN_USE, LEAKED, PROTECTED, TOO_YOUNG, UNCERTAIN
from rehearsal.errors import BerthError

GROUP, VPC, SUBNET = "aws:autoscaling/group:Group", "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"
SECURITY = "aws:ec2/securityGroup:SecurityGroup"
ANOTHER = {**OURS, "berth:environment": "research", "berth:owner": "someone-else"}


def test_what_the_state_has_is_no_finding(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    leaky.knows((VPC, vpc))
    assert leaky.find() == {}


def test_a_volume_that_the_state_does_not_have_is_leaked_with_what_it_costs(leaky: Leaky) -> None:
    leaky.knows((VPC, leaky.vpc()))
    volume = leaky.volume(OURS, size=100)
    found = leaky.find()[volume]
    assert (found.cls, found.environment, found.owner) == (LEAKED, "aws-vm", "ml-team")
    assert found.daily_usd == pytest.approx(100 * 0.08 / 730 * 24)


def test_the_machines_of_a_living_group_are_in_use_and_leaked_once_it_has_left_the_state(
    leaky: Leaky,
) -> None:
    vpc = leaky.vpc()
    subnet, security = leaky.subnet(vpc), leaky.group(vpc)
    group, machine = leaky.machines(subnet, security)
    template = leaky.ec2.describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]
    rest = [
        (VPC, vpc),
        (SUBNET, subnet),
        (SECURITY, security),
        ("aws:ec2/launchTemplate:LaunchTemplate", template),
    ]

    leaky.knows(*rest, (GROUP, group))
    found = leaky.find()
    assert found[machine].cls == IN_USE
    assert group in found[machine].reason
    kinds = {one.kind for one in found.values()}
    assert kinds == {"Instance", "Volume", "NetworkInterface"}
    assert {one.cls for one in found.values()} == {IN_USE}, "its disk and its interface share its fate"

    leaky.knows(*rest)
    found = leaky.find()
    assert {found[group].cls, found[machine].cls} == {LEAKED}
    assert (found[machine].daily_usd or 0) > 1


def test_what_is_young_is_left_alone_unless_the_stack_is_gone(leaky: Leaky) -> None:
    vpc, volume = leaky.vpc(), leaky.volume(OURS)
    leaky.knows((VPC, vpc))
    assert leaky.find(now=datetime.now(UTC))[volume].cls == TOO_YOUNG
    leaky.knows(destroyed=True)
    assert leaky.find(now=datetime.now(UTC))[volume].cls == LEAKED


def test_what_an_up_is_just_making_is_too_young_though_it_has_no_age(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    security = leaky.group(vpc)
    leaky.knows((VPC, vpc), pending=(SECURITY,))
    assert leaky.find()[security].cls == TOO_YOUNG
    leaky.knows((VPC, vpc))
    assert leaky.find()[security].cls == LEAKED


def test_a_stack_that_was_only_previewed_here_owns_nothing(leaky: Leaky) -> None:
    volume = leaky.volume(OURS)
    leaky.knows()
    assert leaky.find()[volume].cls == UNCERTAIN
    leaky.forgets()
    found = leaky.find()[volume]
    assert found.cls == UNCERTAIN
    assert "another backend" in found.reason
    assert leaky.find(destroyed=True)[volume].cls == LEAKED


def test_without_a_stack_what_has_expired_is_leaked(leaky: Leaky) -> None:
    leaky.forgets()
    volume = leaky.volume({**OURS, "berth:expires-at": "2026-01-01T00:00:00Z"})
    assert leaky.find()[volume].cls == LEAKED


def test_a_foreign_interface_that_holds_our_group_is_uncertain_and_named(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    subnet, security = leaky.subnet(vpc), leaky.group(vpc)
    foreign = leaky.interface(subnet, security, "RDSNetworkInterface")
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert found[foreign].cls == UNCERTAIN
    assert "RDSNetworkInterface" in found[foreign].reason
    assert foreign in found[security].blocked_by
    assert set(found[vpc].blocked_by) == {foreign}

    done = leaky.delete(found)
    assert foreign not in done
    assert not any(one.done for one in done.values())
    assert foreign in done[security].said
    there = leaky.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [one["NetworkInterfaceId"] for one in there] == [foreign]
    assert [group["GroupId"] for group in there[0]["Groups"]] == [security], "it still has its group"


def test_what_kubernetes_made_is_in_use_while_its_cluster_lives_and_leaked_afterwards(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    subnets = [leaky.subnet(vpc), leaky.subnet(vpc, number=1, zone="us-east-1b")]
    claim = {**CLUSTER, "kubernetes.io/created-for/pvc/name": "data-0", "ebs.csi.aws.com/cluster": "true"}
    volume = leaky.volume(claim, size=500)
    balancer = leaky.balancer(subnets, {"elbv2.k8s.aws/cluster": "train"})
    leaky.client("eks").create_cluster(
        name="train",
        roleArn="arn:aws:iam::123456789012:role/eks",
        resourcesVpcConfig={"subnetIds": subnets},
        tags=OURS,
    )
    known = [(VPC, vpc), *((SUBNET, subnet) for subnet in subnets)]
    leaky.knows(*known, ("aws:eks/cluster:Cluster", "train"))
    found = leaky.find()
    assert {found[volume].cls, found[balancer].cls} == {IN_USE}

    leaky.client("eks").delete_cluster(name="train")
    leaky.knows(*known)
    found = leaky.find(clusters=["train"])
    assert {found[volume].cls, found[balancer].cls} == {LEAKED}
    assert "data-0" in found[volume].reason
    assert (found[balancer].daily_usd or 0) > 0.5
    done = leaky.delete(found)
    assert done[volume].done
    assert done[balancer].done
    assert leaky.find(clusters=["train"]) == {}


def test_a_cluster_that_nobody_names_owns_nothing_of_ours(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    subnets = [leaky.subnet(vpc), leaky.subnet(vpc, number=1, zone="us-east-1b")]
    volume = leaky.volume(CLUSTER)
    balancer = leaky.balancer(subnets, {"elbv2.k8s.aws/cluster": "theirs"})
    leaky.knows((VPC, vpc), *((SUBNET, subnet) for subnet in subnets))
    found = leaky.find()
    assert volume not in found
    assert found[balancer].cls == UNCERTAIN, "it is in our network, and another's"


def test_subnets_that_a_cluster_may_share_do_not_become_its_own(leaky: Leaky) -> None:
    vpc = leaky.vpc({"Name": "theirs"})
    leaky.subnet(vpc, {"kubernetes.io/cluster/train": "shared"})
    leaky.knows(destroyed=True)
    assert leaky.find(clusters=["train"]) == {}


def test_another_owner_and_another_environment_are_never_touched(leaky: Leaky) -> None:
    leaky.knows(destroyed=True)
    theirs = leaky.volume({**OURS, "berth:owner": "someone-else"})
    unmanaged = leaky.volume({"berth:environment": "aws-vm", "berth:owner": "ml-team"})
    leaky.volume(ANOTHER)
    ours = leaky.volume(OURS)
    found = leaky.find()
    assert {one: found[one].cls for one in found} == {theirs: UNCERTAIN, unmanaged: UNCERTAIN, ours: LEAKED}
    assert "someone-else" in found[theirs].reason
    leaky.delete(found)
    left = {row["VolumeId"] for row in leaky.ec2.describe_volumes()["Volumes"]}
    assert len(left) == 3
    assert ours not in left


def test_another_environments_things_in_our_network_are_shown_and_keep_it(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    other = leaky.subnet(vpc, ANOTHER)
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert found[other].cls == UNCERTAIN
    assert "research" in found[other].reason
    assert found[vpc].blocked_by == (other,)


def test_images_of_berth_snapshot_and_what_is_to_be_kept_are_protected(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    _, machine = leaky.machines(leaky.subnet(vpc), leaky.group(vpc))
    source = {**OURS, "berth:source": machine}
    image = leaky.ec2.create_image(
        InstanceId=machine, Name="kept", TagSpecifications=specified("image", source)
    )["ImageId"]
    mappings = leaky.ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
    snapshot = mappings[0]["Ebs"]["SnapshotId"]
    leaky.ec2.create_tags(Resources=[snapshot], Tags=tag_list(OURS))
    kept = leaky.volume({**OURS, "berth:keep": "true"})
    unkept = leaky.volume({**OURS, "berth:keep": "false"})
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert {found[image].cls, found[kept].cls} == {PROTECTED}
    assert found[unkept].cls == LEAKED
    assert found[snapshot].cls == PROTECTED, "an image's snapshot is the image"


def test_an_untagged_volume_on_a_leaked_machine_is_somebodys(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    _, machine = leaky.machines(leaky.subnet(vpc), leaky.group(vpc))
    theirs = leaky.volume({"Name": "my data"})
    leaky.ec2.attach_volume(VolumeId=theirs, InstanceId=machine, Device="/dev/sdz")
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert found[machine].cls == LEAKED
    assert found[theirs].cls == UNCERTAIN


def test_everything_of_a_destroyed_environment_goes_in_order_and_each_step_is_logged(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    subnet, security = leaky.subnet(vpc), leaky.group(vpc)
    leaky.machines(subnet, security)
    leaky.volume(OURS)
    gateway = leaky.ec2.create_internet_gateway(TagSpecifications=specified("internet-gateway", OURS))
    leaky.ec2.attach_internet_gateway(
        VpcId=vpc, InternetGatewayId=gateway["InternetGateway"]["InternetGatewayId"]
    )
    table = leaky.ec2.create_route_table(VpcId=vpc, TagSpecifications=specified("route-table", OURS))
    leaky.ec2.associate_route_table(SubnetId=subnet, RouteTableId=table["RouteTable"]["RouteTableId"])
    other = leaky.group(vpc, name="other")
    pair = [{"GroupId": security}]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    leaky.ec2.authorize_security_group_ingress(
        GroupId=other, IpPermissions=[{**rule, "UserIdGroupPairs": pair}]
    )
    back = [{**rule, "UserIdGroupPairs": [{"GroupId": other}]}]
    leaky.ec2.authorize_security_group_ingress(GroupId=security, IpPermissions=back)
    leaky.client("logs").create_log_group(logGroupName="/berth/aws-vm", tags=OURS)
    leaky.client("s3").create_bucket(Bucket="berth-empty")
    leaky.client("s3").put_bucket_tagging(Bucket="berth-empty", Tagging={"TagSet": tag_list(OURS)})

    leaky.knows(destroyed=True)
    found = leaky.find()
    assert {one.cls for one in found.values()} == {LEAKED}, found
    done = leaky.delete(found)
    assert all(one.done for one in done.values()), [one for one in done.values() if not one.done]
    assert leaky.find() == {}
    outcomes = {(row["id"], row["outcome"]) for row in leaky.logged()}
    assert outcomes == {(id_, outcome) for id_ in found for outcome in ("asked", "deleted")}


def test_a_bucket_with_objects_is_never_emptied(leaky: Leaky) -> None:
    s3 = leaky.client("s3")
    s3.create_bucket(Bucket="berth-full")
    s3.put_bucket_tagging(Bucket="berth-full", Tagging={"TagSet": tag_list(OURS)})
    s3.put_object(Bucket="berth-full", Key="model", Body=b"weights")
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert found["berth-full"].cls == UNCERTAIN
    leaky.delete(found)
    assert s3.list_objects_v2(Bucket="berth-full")["KeyCount"] == 1


def test_what_aws_does_not_tell_is_uncertain_and_the_rest_is_found(leaky: Leaky) -> None:
    leaky.knows(destroyed=True)
    volume = leaky.volume(OURS)

    class Refusing:
        def __getattr__(self, name: str) -> object:
            raise BerthError("AWS does not let you ask for the load balancers")

    leaky.place.clients["elbv2", "us-east-1", ""] = Refusing()
    found = leaky.find()
    assert found[volume].cls == LEAKED
    assert found["?load balancers"].cls == UNCERTAIN
    assert "does not let you" in found["?load balancers"].reason


def test_a_region_is_asked_for_where_nothing_says_it(leaky: Leaky) -> None:
    leaky.forgets()
    (leaky.place.values / "Pulumi.aws-vm.yaml").write_text("config:\n  berth:target: aws-vm\n")
    with pytest.raises(BerthError, match="which region") as refusal:
        leaky.find()
    assert "--region us-east-1" in refusal.value.hint
    assert leaky.find(region="us-east-1") == {}


@pytest.mark.parametrize(("target", "cloud"), [("gcp-gke", "Google Cloud"), ("openstack-vm", "OpenStack")])
def test_clouds_that_are_not_covered_say_so(leaky: Leaky, target: str, cloud: str) -> None:
    (leaky.place.values / "Pulumi.aws-vm.yaml").write_text(f"config:\n  berth:target: {target}\n")
    with pytest.raises(BerthError, match=f"on {cloud} yet"):
        leaky.find()


def test_the_budget_of_a_destroyed_environment_is_found_by_what_it_filters(leaky: Leaky) -> None:
    account = leaky.client("sts").get_caller_identity()["Account"]
    limit = {"Amount": "50", "Unit": "USD"}
    for name, filters in [
        ("berth-aws-vm", {"TagKeyValue": ["user:berth:environment$aws-vm"]}),
        ("berth", {}),
    ]:
        budget = {"BudgetName": name, "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
        leaky.client("budgets").create_budget(AccountId=account, Budget={**budget, "CostFilters": filters})
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert {id_: one.cls for id_, one in found.items()} == {f"{account}:berth-aws-vm": LEAKED}
    assert all(one.done for one in leaky.delete(found).values())
    assert leaky.find() == {}


def test_what_a_nat_gateway_holds_is_in_use_with_it_and_goes_after_it(leaky: Leaky) -> None:
    vpc = leaky.vpc()
    subnet = leaky.subnet(vpc)
    address = leaky.ec2.allocate_address(Domain="vpc", TagSpecifications=specified("elastic-ip", OURS))
    gateway = leaky.ec2.create_nat_gateway(
        SubnetId=subnet,
        AllocationId=address["AllocationId"],
        TagSpecifications=specified("natgateway", OURS),
    )["NatGateway"]["NatGatewayId"]
    leaky.knows((VPC, vpc), (SUBNET, subnet), ("aws:ec2/natGateway:NatGateway", gateway))
    found = leaky.find()
    assert {one.cls for one in found.values()} == {IN_USE}
    assert found[address["AllocationId"]].reason == f"used by {gateway}, which is in the state"
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert {one.cls for one in found.values()} == {LEAKED}
    assert (found[gateway].daily_usd or 0) > 1
    assert all(one.done for one in leaky.delete(found).values())
    assert leaky.find() == {}


def test_what_the_reaper_leaves_is_known_by_its_name(leaky: Leaky) -> None:
    target = {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:x", "RoleArn": "arn:aws:iam::1:role/x"}
    for name in ("berth-aws-vm-reaper", "berth-aws-vm-reaper-two"):
        leaky.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        leaky.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression="rate(5 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
    leaky.knows(destroyed=True)
    found = leaky.find()
    assert {id_: one.cls for id_, one in found.items()} == {
        "default/berth-aws-vm-reaper": LEAKED,
        "/aws/lambda/berth-aws-vm-reaper": LEAKED,
    }
    assert all(one.done for one in leaky.delete(found).values())
    assert leaky.find() == {}
