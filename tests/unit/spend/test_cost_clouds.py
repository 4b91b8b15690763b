"""What Google Cloud's, OpenStack's and Kubernetes' resources cost."""

from pathlib import Path
from typing import Any

import pytest
from cost_samples import without

from infra.catalog import billing_units
from infra.catalog.billing_units import BillingUnits
from infra.spend.estimate import Line, Priced, lines
from infra.spend.estimates import gcp, kubernetes, openstack
from infra.spend.estimates.kubernetes import gib

CPOUTA = Priced(
    type="pulumi:providers:openstack", name="pouta", props={"authUrl": "https://pouta.csc.fi:5001/v3"}
)
EKS = Priced(type="aws:eks/cluster:Cluster", name="cluster", props={}, region="us-east-1")
GKE = Priced(
    type="gcp:container/cluster:Cluster",
    name="cluster",
    props={"location": "us-central1", "removeDefaultNodePool": True},
)


def one(token: str, **props: Any) -> Priced:
    return Priced(type=token, name="it", props=props)


def of(found: list[Line], name: str = "it") -> list[float | None]:
    return [line.hourly_usd for line in found if line.resource == name]


def pool(**config: Any) -> Priced:
    location = config.pop("location", "us-central1-a")
    count = config.pop("count", 1)
    return one("gcp:container/nodePool:NodePool", location=location, nodeCount=count, nodeConfig=config)


def test_a_gke_cluster_costs_its_control_plane_and_each_pool_its_nodes_and_disks() -> None:
    nodes = pool(machineType="g2-standard-4", spot=True, diskSizeGb=200, diskType="pd-balanced", count=2)
    plane, machines, disks = lines([GKE, nodes])
    assert plane.hourly_usd == 0.1
    assert machines.what == "2 x machine (g2-standard-4, spot)"
    assert machines.hourly_usd is not None
    assert 0.2 < machines.hourly_usd < 2 * 0.7068
    assert disks.hourly_usd == pytest.approx(2 * 200 * 0.1 / 730)


def test_a_regional_pool_has_its_nodes_in_three_zones_unless_it_names_them() -> None:
    (zonal, *_), (regional, *_) = (
        lines([pool(machineType="e2-standard-4", location=where)])
        for where in ("us-central1-a", "us-central1")
    )
    assert zonal.hourly_usd == pytest.approx(0.134023)
    assert regional.hourly_usd == pytest.approx(3 * 0.134023)


def test_a_card_attached_to_an_n1_machine_is_unknown_and_not_forgotten() -> None:
    cards = [{"type": "nvidia-tesla-t4", "count": 1}]
    machine, _ = lines([pool(machineType="n1-standard-4", guestAccelerators=cards)])
    assert machine.hourly_usd is None
    assert "attached cards" in machine.assumption
    plain, _ = lines([pool(machineType="n1-standard-4")])
    assert plain.hourly_usd == pytest.approx(0.189999)


def test_an_empty_pool_costs_nothing_now() -> None:
    assert of(lines([pool(machineType="g2-standard-4", count=0)])) == [0.0]


def test_a_pool_is_paid_from_its_least_size_where_it_scales() -> None:
    scaling = one(
        "gcp:container/nodePool:NodePool",
        location="us-central1-a",
        autoscaling={"minNodeCount": 2, "maxNodeCount": 5},
        nodeConfig={"machineType": "e2-medium"},
    )
    assert lines([scaling])[0].hourly_usd == pytest.approx(2 * 0.0335057, rel=1e-4)


@pytest.mark.parametrize(
    ("flavor", "units"), [("gpu.1.1gpu", "60"), ("standard.tiny", "0.26"), ("hpc.6.112core", "180")]
)
def test_cpouta_s_machines_cost_billing_units_and_dollars_are_not_guessed(flavor: str, units: str) -> None:
    (line,) = lines([CPOUTA, one("openstack:compute/instance:Instance", flavorName=flavor)])
    assert line.unit == f"{units} Cloud BU an hour"
    assert line.hourly_usd is None
    assert line.assumption == "what a Cloud BU costs is not given"
    assert line.source.startswith("https://docs.csc.fi/")


def test_a_unit_s_price_makes_dollars_of_units() -> None:
    units = BillingUnits(
        name="ours", unit="BU", usd_per_unit=0.02, flavors={"gpu": 60}, volume_tib={"ssd": 3.6}, router=0.2
    )
    found = lines(
        [
            one("openstack:compute/instance:Instance", flavorName="gpu"),
            one("openstack:blockstorage/volume:Volume", size=512, volumeType="ssd"),
            one("openstack:networking/router:Router", externalNetworkId="net"),
            one("openstack:networking/router:Router"),
            one("openstack:networking/floatingIp:FloatingIp"),
        ],
        units,
    )
    assert of(found) == [pytest.approx(1.2), pytest.approx(0.036), pytest.approx(0.004), None]
    assert found[-1].assumption == "not among the prices of ours"


def test_a_cloud_without_given_units_is_unknown() -> None:
    (line,) = lines([one("openstack:compute/instance:Instance", flavorName="m1.large")])
    assert line.hourly_usd is None
    assert line.assumption == "the operator's billing units are not given"


def test_an_operator_s_file_is_read_and_its_mistakes_are_all_named(tmp_path: Path) -> None:
    file = tmp_path / "units.yaml"
    file.write_text("name: ours\nflavors: {small: cheap}\nvolumes: 3\n")
    with pytest.raises(ValueError, match=r"flavors\.small") as caught:
        billing_units.read(file)
    assert "volumes" in str(caught.value)
    assert "openstack_cpouta.yaml" in str(caught.value)
    file.write_text("name: ours\nunit: BU\nflavors: {small: 2}\n")
    assert billing_units.read(file).flavors == {"small": 2.0}
    with pytest.raises(ValueError, match="cannot be read"):
        billing_units.read(tmp_path / "absent.yaml")


def balancer(**spec: Any) -> Priced:
    return one("kubernetes:core/v1:Service", spec={"type": "LoadBalancer", **spec})


def claim(size: str = "10Gi", name: str = "data") -> Priced:
    spec = {"resources": {"requests": {"storage": size}}}
    return one(kubernetes.CLAIM, metadata={"name": name}, spec=spec)


def test_a_load_balancer_and_a_claim_on_this_machine_are_free_and_said_to_be() -> None:
    for line in lines([balancer(), claim()]):
        assert (line.hourly_usd, line.assumption) == (0.0, "free: it is on this machine")


def test_they_cost_what_the_cluster_s_cloud_makes_of_them() -> None:
    assert of(lines([EKS, balancer(), claim()])) == [0.0225, pytest.approx(10 * 0.08 / 730)]
    assert of(lines([GKE, balancer(), claim()])) == [0.025, pytest.approx(10 * 0.1 / 730)]


def test_a_service_inside_the_cluster_and_a_pod_have_no_line() -> None:
    inside = one("kubernetes:core/v1:Service", spec={"type": "ClusterIP"})
    assert lines([EKS, inside, one("kubernetes:core/v1:Pod")])[1:] == []


def test_a_volume_is_counted_once_beside_its_claim() -> None:
    volume = one(
        "kubernetes:core/v1:PersistentVolume",
        spec={"capacity": {"storage": "10Gi"}, "claimRef": {"name": "data"}},
    )
    assert len(of(lines([EKS, claim(), volume]))) == 1
    assert of(lines([EKS, volume])) == [pytest.approx(10 * 0.08 / 730)]


def test_a_stateful_set_has_a_disk_for_each_replica() -> None:
    templates = [{"spec": {"resources": {"requests": {"storage": "5Gi"}}}}]
    three = one("kubernetes:apps/v1:StatefulSet", spec={"replicas": 3, "volumeClaimTemplates": templates})
    assert of(lines([EKS, three])) == [pytest.approx(3 * 5 * 0.08 / 730)]


@pytest.mark.parametrize(
    ("quantity", "size"),
    [("10Gi", 10.0), ("512Mi", 0.5), ("1Ti", 1024.0), ("1G", 1e9 / 2**30), ("ten", None), ("", None)],
)
def test_a_quantity_of_kubernetes_is_read(quantity: str, size: float | None) -> None:
    assert gib(quantity) == (None if size is None else pytest.approx(size))


@pytest.mark.parametrize("token", sorted({**gcp.PRICED, **openstack.PRICED, **kubernetes.PRICED}))
def test_nothing_fails_for_want_of_properties(token: str) -> None:
    for props in without("spec", "nodeConfig", "size", "blockDevices", "bootDisk"):
        for line in lines([CPOUTA, Priced(type=token, name="it", props=props)]):
            assert line.hourly_usd is None or line.hourly_usd >= 0
