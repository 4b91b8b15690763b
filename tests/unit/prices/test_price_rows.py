"""Making the price table out of others': what is taken, what is left out, and what a run writes."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.catalog import accelerators
from infra.catalog.machine_prices import COLUMNS, MachinePrice
from scripts.prices import plain, rows

HEADER = "InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,AvailabilityZone"
AWS = "catalogs/v9/aws/vms.csv"
GOOGLE = "pkg/providers/pricing/initial-prices.json"


def vm(**changes: str) -> dict[str, str]:
    known = {
        "InstanceType": "g6.xlarge",
        "Price": "0.8048",
        "SpotPrice": "0.347000",
        "Region": "us-east-1",
        "AvailabilityZone": "use1-az2",
    }
    return known | changes


def test_a_machine_of_the_catalogue_is_taken_with_the_catalogue_s_accelerator() -> None:
    row = rows.aws([vm(AcceleratorName="L4-24GB", AcceleratorCount="1.0")])[0]
    assert (row.accelerator, row.count, row.zone) == ("L4", 1, "use1-az2")
    assert (row.on_demand_usd, row.spot_usd) == (0.8048, 0.347)


@pytest.mark.parametrize(
    "left_out",
    [
        vm(InstanceType="m8i.large"),
        vm(InstanceType="g4dn.metal"),
        vm(AvailabilityZone="usw2-lax1-az1"),
    ],
)
def test_other_machines_and_local_zones_are_left_out(left_out: dict[str, str]) -> None:
    assert rows.aws([left_out]) == []


@pytest.mark.parametrize("price", ["", "0", "0.0"])
def test_an_empty_price_and_a_zero_are_not_known(price: str) -> None:
    row = rows.aws([vm(SpotPrice=price)])[0]
    assert row.spot_usd is None
    assert row.on_demand_usd == 0.8048


@pytest.mark.parametrize(
    ("machine", "carried"),
    [
        ("a2-highgpu-4g", ("A100", 4)),
        ("a2-megagpu-16g", ("A100", 16)),
        ("a2-ultragpu-8g", ("A100-80GB", 8)),
        ("a3-highgpu-1g", ("H100", 1)),
        ("a3-megagpu-8g", ("H100", 8)),
        ("a3-ultragpu-8g", ("H200", 8)),
        ("a4-highgpu-8g", ("B200", 8)),
        ("g2-standard-32", ("L4", 1)),
        ("g2-standard-24", ("L4", 2)),
        ("g4-standard-48", ("RTX-PRO-6000", 1)),
        ("g4-standard-6", None),
        ("n1-standard-4", None),
        ("c4-highcpu-16-lssd", None),
        ("a3-highgpu-8g-nolssd", None),
    ],
)
def test_google_s_machines_are_known_by_their_names(machine: str, carried: tuple[str, int] | None) -> None:
    assert rows.carries(machine) == carried
    assert carried is None or carried[0] in accelerators.ACCELERATORS


def test_google_s_markets_are_joined_and_one_may_lack() -> None:
    found = rows.google(
        {
            "us-east5": {"on_demand": {"g2-standard-4": 0.7, "n1-standard-4": 0.2}},
            "us-west1": {"on_demand": {"g2-standard-4": 0.8}, "spot": {"g2-standard-4": 0.3}},
        }
    )
    assert [(one.region, one.on_demand_usd, one.spot_usd) for one in found] == [
        ("us-east5", 0.7, None),
        ("us-west1", 0.8, 0.3),
    ]


def test_rows_without_any_price_are_left_out_and_the_order_is_fixed() -> None:
    bare, dear, cheap = (
        MachinePrice(
            cloud="gcp",
            instance_type="g2-standard-4",
            accelerator="L4",
            count=1,
            region=region,
            zone="",
            on_demand_usd=usd,
            spot_usd=None,
        )
        for region, usd in (("a", None), ("c", 2.0), ("b", 1.0))
    )
    assert rows.ordered([dear, bare, cheap]) == [cheap, dear]
    assert rows.cells(dear)[-2:] == ("2", "")


def make(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "scripts.prices", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def sources(root: Path) -> tuple[Path, Path]:
    (root / "sky" / AWS).parent.mkdir(parents=True)
    (root / "sky" / AWS).write_text(f"{HEADER}\ng6.xlarge,L4,1.0,0.8048,0.347000,us-east-1,use1-az2\n")
    (root / "google" / GOOGLE).parent.mkdir(parents=True)
    prices = {"prices": {"us-central1": {"on_demand": {"g2-standard-4": 0.706832255}}}}
    (root / "google" / GOOGLE).write_text(json.dumps(prices))
    return root / "sky", root / "google"


def test_plain_machines_of_aws_are_taken_without_bare_metal_and_accelerators() -> None:
    source = '"t3.nano": 0.005200, "m7i-flex.large": 0.095760,\n"m5.metal": 4.608, "g5.xlarge": 1.006'
    assert plain.aws(source) == [("m7i-flex.large", "0.09576"), ("t3.nano", "0.0052")]


def test_plain_machines_of_google_are_taken_by_region_and_a_zero_is_not_known() -> None:
    prices = {
        "us-central1": {"on_demand": {"e2-medium": 0.0335, "g2-standard-4": 0.7}, "spot": {"e2-medium": 0}},
        "europe-west1": {"spot": {"n1-standard-4": 0.07}},
    }
    assert plain.google(prices) == [
        ("n1-standard-4", "europe-west1", "", "0.07"),
        ("e2-medium", "us-central1", "0.0335", ""),
    ]


def test_a_run_writes_the_table_and_says_of_which_commits(tmp_path: Path) -> None:
    sky, google = sources(tmp_path)
    subprocess.run(["git", "init", "-q", sky], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", sky, "add", "."], check=True)
    subprocess.run(
        ["git", "-C", sky, *identity, "commit", "-qm", "prices", "--date", "2026-05-01T00:00:00Z"], check=True
    )
    done = make(sky, google, "--karpenter-revision", "abc1234", "2026-08-03", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "machine_prices.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == list(COLUMNS)
    assert table[1] == ["aws", "g6.xlarge", "L4", "1", "us-east-1", "use1-az2", "0.8048", "0.347"]
    assert table[2] == ["gcp", "g2-standard-4", "L4", "1", "us-central1", "", "0.7068", ""]
    assert (tmp_path / "gcp_plain_instances.csv").read_text().startswith(",".join(plain.GOOGLE_COLUMNS))
    assert not (tmp_path / "aws_plain_instances.csv").exists(), "its source was not given"
    aws, gcp = json.loads((tmp_path / "machine_prices.json").read_text())["sources"]
    head = subprocess.run(
        ["git", "-C", sky, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout
    assert aws["commit"]
    assert head.startswith(aws["commit"])
    assert (gcp["commit"], gcp["as_of"]) == ("abc1234", "2026-08-03")


def test_a_table_of_no_known_date_is_not_made(tmp_path: Path) -> None:
    sky, google = sources(tmp_path)
    done = make(sky, google, "--out", tmp_path)
    assert done.returncode == 2
    assert "is no checkout" in done.stderr
    assert not (tmp_path / "machine_prices.csv").exists()
    done = make(tmp_path / "elsewhere", google)
    assert done.returncode == 2
    assert "has no" in done.stderr
