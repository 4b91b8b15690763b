"""The catalogue: its tables hold together, and its look-ups say what the values need."""

import pytest

from infra.catalog import accelerators, gpu_stack, images, machine_prices, prices
from infra.catalog.gpu_stack import Software


def test_every_machine_carries_a_known_accelerator_somewhere() -> None:
    machines = accelerators.instance_types()
    assert len(machines) > 40
    for one in machines.values():
        assert one.accelerator in accelerators.ACCELERATORS, one.name
        assert one.regions, f"{one.name} is offered nowhere"
        assert one.count >= 1
        assert one.architecture == "x86_64", "images are x86_64"
        assert one.on_demand_usd is None or 0.1 < one.on_demand_usd < 200
    assert {one.accelerator for one in machines.values()} == set(accelerators.ACCELERATORS)


@pytest.mark.parametrize(
    ("name", "accelerator", "count", "vcpus", "memory_gib"),
    [
        ("g4dn.xlarge", "T4", 1, 4, 16),
        ("g5.12xlarge", "A10G", 4, 48, 192),
        ("g6.xlarge", "L4", 1, 4, 16),
        ("g6e.48xlarge", "L40S", 8, 192, 1536),
        ("p3dn.24xlarge", "V100", 8, 96, 768),
        ("p4d.24xlarge", "A100", 8, 96, 1152),
        ("p4de.24xlarge", "A100-80GB", 8, 96, 1152),
        ("p5.4xlarge", "H100", 1, 16, 256),
        ("p5.48xlarge", "H100", 8, 192, 2048),
    ],
)
def test_well_known_machines_are_as_aws_says(
    name: str, accelerator: str, count: int, vcpus: int, memory_gib: int
) -> None:
    one = accelerators.instance_types()[name]
    assert (one.accelerator, one.count, one.vcpus, one.memory_gib) == (accelerator, count, vcpus, memory_gib)


def test_candidates_are_several_the_cheapest_first_and_none_too_dear() -> None:
    found = accelerators.candidates("T4", 1, "us-east-1")
    assert [one.name for one in found] == ["g4dn.xlarge", "g4dn.2xlarge", "g4dn.4xlarge"]
    assert accelerators.candidates("L4", 4, "us-west-2")[0].name == "g6.12xlarge"


def test_there_are_no_candidates_where_a_region_has_none() -> None:
    assert accelerators.candidates("L4", 1, "eu-west-1") == ()
    assert "us-east-1" in accelerators.regions_with("L4", 1)
    assert accelerators.counts("L4") == [1, 4, 8]
    assert accelerators.counts("L4", "eu-west-1") == []


def test_a_machine_without_a_public_price_is_a_candidate_all_the_same() -> None:
    assert [one.name for one in accelerators.candidates("H200", 8, "eu-west-2")] == ["p5e.48xlarge"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a10g", "A10G"),
        ("A10", "A10G"),
        ("Tesla T4", "T4"),
        ("NVIDIA L40S", "L40S"),
        ("a100_80gb", "A100-80GB"),
        ("v-100", "V100"),
        ("H 100", "H100"),
        ("rtx pro 6000", "RTX-PRO-6000"),
    ],
)
def test_a_name_written_otherwise_is_recognised(written: str, meant: str) -> None:
    assert accelerators.nearest(written, accelerators.ACCELERATORS)[0] == meant


def test_what_resembles_nothing_has_no_nearest_name() -> None:
    assert accelerators.nearest("quantum", accelerators.ACCELERATORS) == []
    assert accelerators.nearest("", accelerators.ACCELERATORS) == []


def test_a_region_s_price_is_the_lowest_of_its_zones_and_says_where_it_is_from() -> None:
    found = prices.price("g4dn.xlarge", "us-east-1")
    zones = [
        one
        for one in machine_prices.table()
        if (one.instance_type, one.region) == ("g4dn.xlarge", "us-east-1")
    ]
    assert found.spot_usd == min(one.spot_usd for one in zones if one.spot_usd) == 0.2132
    assert found.on_demand_usd == 0.526
    assert (found.source, found.as_of) == ("https://github.com/skypilot-org/skypilot-catalog", "mid-2026")


def test_a_machine_without_an_accelerator_has_a_price_on_demand() -> None:
    found = prices.price("t3.nano", "us-west-2")
    assert (found.on_demand_usd, found.spot_usd, found.as_of) == (0.0052, None, "2026-07-20")
    assert prices.price("t3.nano", "eu-north-1").on_demand_usd is None, "another region asks for more"


def test_a_price_that_is_not_known_is_none_and_no_guess() -> None:
    assert prices.price("g5.24xlarge", "us-east-2").on_demand_usd == 8.144
    assert prices.price("g5.24xlarge", "eu-central-1").on_demand_usd is None
    assert prices.price("g5.24xlarge", "us-east-1").spot_usd is None
    assert prices.price("z9.huge", "us-east-1").source == ""
    assert prices.lowest_spot(["g5.24xlarge"], "us-east-1") is None


def test_the_lowest_spot_price_is_found_among_candidates() -> None:
    found = prices.lowest_spot(["g4dn.4xlarge", "g4dn.xlarge", "g6e.xlarge"], "us-east-1")
    assert found is not None
    assert (found.instance_type, found.spot_usd) == ("g4dn.xlarge", 0.2132)


T4, V100, L4 = (accelerators.ACCELERATORS[name] for name in ("T4", "V100", "L4"))


def software(driver: str, torch: str, cuda: str) -> Software:
    return Software(driver=driver, toolkit="1.20.0", torch=torch, cuda=cuda)


@pytest.mark.parametrize("name", sorted(gpu_stack.PROFILES))
def test_a_profile_goes_together_with_a_common_gpu(name: str) -> None:
    profile = gpu_stack.PROFILES[name]
    assert gpu_stack.mismatches(L4, profile) == {}
    assert profile.driver in gpu_stack.BRANCHES


@pytest.mark.parametrize(
    ("driver", "cuda", "fits"),
    [
        ("580", "13.2", True),
        ("570", "13.0", False),
        ("535", "13.2", False),
        ("535", "12.6", True),
        ("610", "12.6", True),
        ("535", "11.8", True),
    ],
)
def test_a_driver_is_old_enough_for_none_but_its_own_cuda(driver: str, cuda: str, *, fits: bool) -> None:
    found = gpu_stack.mismatches(T4, software(driver, "0.0", cuda))
    assert ("driver" not in found) is fits


def test_volta_has_a_last_driver_and_a_last_wheel() -> None:
    assert gpu_stack.mismatches(V100, software("580", "2.14", "12.6")) == {}
    assert set(gpu_stack.mismatches(V100, software("590", "2.14", "12.6"))) == {"driver"}
    assert set(gpu_stack.mismatches(V100, software("580", "2.14", "13.0"))) == {"torch"}
    assert set(gpu_stack.mismatches(V100, software("580", "2.11", "12.8"))) == {"torch"}
    assert gpu_stack.mismatches(V100, software("580", "2.10", "12.8")) == {}


def test_open_kernel_modules_drive_turing_and_later() -> None:
    drives = {name: gpu_stack.open_kernel(one) for name, one in accelerators.ACCELERATORS.items()}
    assert [name for name, open_ in drives.items() if not open_] == ["V100"]


def test_a_version_of_a_release_has_its_wheel() -> None:
    assert gpu_stack.default_cuda("2.15.0") == "13.2"
    assert gpu_stack.default_cuda("2.15") == "13.2"
    assert gpu_stack.default_cuda("1.13.1") is None
    for release, wheel in gpu_stack.WHEELS.items():
        assert wheel.default in wheel.oldest, release


def test_an_unknown_cuda_is_said_to_be_unknown() -> None:
    assert "not in the catalogue" in gpu_stack.mismatches(T4, software("580", "3.0", "14.0"))["cuda"]


def test_an_image_is_found_one_way() -> None:
    for name, one in images.DISTRIBUTIONS.items():
        assert bool(one.parameter) != bool(one.owner and one.name), name


def test_the_bring_up_knows_the_same_distributions_and_users() -> None:
    from infra.machine.bringup import DISTRIBUTIONS

    assert {name: one.user for name, one in DISTRIBUTIONS.items()} == {
        name: one.user for name, one in images.DISTRIBUTIONS.items()
    }
