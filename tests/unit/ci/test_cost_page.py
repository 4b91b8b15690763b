"""The page for the person who pays: its figures are the catalogue's, its statuses the commands'."""

import re
from typing import Any

import pytest
import typer.main
from workflow_files import CHECKOUT

from infra.catalog import prices, service_prices
from scripts.berth.__main__ import app

PAGE = (CHECKOUT / "docs" / "cost.md").read_text()
ROWS = [
    ("its disks", "ebs-gp3-storage", "a GB and month"),
    ("NAT gateway (", "nat-gateway", "an hour"),
    ("NAT gateway (", "nat-gateway-data", "for each GB"),
    ("interface endpoints", "interface-endpoint", "an hour"),
    ("public addresses", "public-address", "an hour"),
    ("bucket |", "s3-standard-storage", "a GB and month"),
    ("images in ECR", "ecr-storage", "a GB and month"),
    ("traffic to the Internet", "egress-over-100-gb", "a GB"),
    ("snapshots:", "ebs-snapshot", "a GB and month"),
]


@pytest.mark.parametrize(("row", "item", "unit"), ROWS, ids=[item for _, item, _ in ROWS])
def test_a_price_is_the_catalogues(row: str, item: str, unit: str) -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {row}")]
    named = {float(found) for found in re.findall(rf"\$([0-9.]+) {unit}", line)}
    assert named == {service_prices.price("aws", item).usd}


def test_what_the_lifetime_leaves_is_added_up() -> None:
    hourly = [service_prices.price("aws", item).usd for item in ("nat-gateway", "public-address")]
    assert None not in hourly
    gateway, address = (float(one or 0) for one in hourly)
    assert f"${(gateway + 2 * address) * 24:.2f} a day" in PAGE


def test_the_bastions_price_is_the_catalogues() -> None:
    assert f"${prices.price('t3.nano', 'us-east-1').on_demand_usd} an hour" in PAGE


def test_every_command_that_ends_with_3_is_in_the_table() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| 3 |")]
    commands: Any = typer.main.get_command(app)
    said = {name for name, one in commands.commands.items() if re.search(r"\b3\b", one.help or "")}
    assert said <= set(re.findall(r"`([a-z]+)`", row)), "their own help says so"
