"""What a rehearsal adds to the values files of environments that leave personal values out."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from rehearsal import values, workspace
from rehearsal.paths import Paths

VALUES = "config:\n  berth:target: aws-vm\n  berth:owner: ml-team\n"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    (made / "stacks").mkdir(parents=True)
    (made / "Pulumi.yaml").write_text("name: berth\nstackConfigDir: stacks\n")
    (made / "stacks" / "Pulumi.aws-vm.yaml").write_text(VALUES)
    return made


def _copy(where: Paths, checkout: Path) -> dict[str, object]:
    file = workspace.refresh(where, checkout) / "values" / "Pulumi.aws-vm.yaml"
    config = yaml.safe_load(file.read_text())["config"]
    assert isinstance(config, dict)
    return config


def test_the_target_is_read_from_the_values(checkout: Path) -> None:
    assert values.target_of("aws-vm", checkout) == "aws-vm"
    assert values.target_of("absent", checkout) == "local"


def test_a_rehearsal_supplies_what_belongs_to_a_person(where: Paths, checkout: Path) -> None:
    config = _copy(where, checkout)
    public = values.key_file(where).with_suffix(".pub").read_text().strip()
    assert config["berth:allowed_addresses"] == ["203.0.113.7/32"]
    assert config["berth:ssh_public_keys"] == [public]
    assert stat.S_IMODE(values.key_file(where).stat().st_mode) == 0o600
    assert (checkout / "stacks" / "Pulumi.aws-vm.yaml").read_text() == VALUES, "the checkout is not written"
    assert not workspace.changed_values(where, "aws-vm", checkout)


def test_what_the_values_file_says_itself_is_kept(where: Paths, checkout: Path) -> None:
    with (checkout / "stacks" / "Pulumi.aws-vm.yaml").open("a") as file:
        file.write('  berth:allowed_addresses: ["192.0.2.1/32"]\n')
    assert _copy(where, checkout)["berth:allowed_addresses"] == ["192.0.2.1/32"]


def test_values_stay_until_the_lifetime_nears_its_end(where: Paths) -> None:
    first = values.personal(where, NOW)
    assert first["expires_at"] == "2026-11-22T20:00:00Z"
    assert values.personal(where, NOW + timedelta(hours=6)) == first
    renewed = values.personal(where, NOW + timedelta(hours=7, minutes=30))
    assert renewed["expires_at"] == "2026-11-23T03:30:00Z"
    assert renewed["ssh_public_keys"] == first["ssh_public_keys"], "the key stays"


def test_a_renewed_lifetime_reaches_the_copy(where: Paths, checkout: Path) -> None:
    values.personal(where, NOW - timedelta(days=1))
    assert _copy(where, checkout)["berth:expires_at"] > f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # type: ignore[operator]


def test_a_value_set_in_the_rehearsal_stays_and_is_told(where: Paths, checkout: Path) -> None:
    file = workspace.refresh(where, checkout) / "values" / "Pulumi.aws-vm.yaml"
    file.write_text(file.read_text().replace("203.0.113.7", "203.0.113.8"))
    assert _copy(where, checkout)["berth:allowed_addresses"] == ["203.0.113.8/32"]
    assert workspace.changed_values(where, "aws-vm", checkout)
