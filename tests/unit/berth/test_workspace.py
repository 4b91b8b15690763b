import os
import subprocess
from pathlib import Path

import pytest

from rehearsal import workspace
from rehearsal.errors import BerthError
from rehearsal.paths import Paths

VALUES = """\
# what the environment is
secretsprovider: awskms://alias/berth
encryptedkey: AAAA
config:
  berth:target: local  # kept
  berth:token:
    secure: v1:xyz
  berth:gpus: 0
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    (root / "stacks").mkdir(parents=True)
    (root / "infra").mkdir()
    (root / "Pulumi.yaml").write_text("name: berth\nmain: stacks\nstackConfigDir: stacks\n")
    (root / "stacks" / "Pulumi.local.yaml").write_text(VALUES)
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\ntouch refreshed\n")
    python.chmod(0o755)
    return root


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    program = tmp_path / "engine" / "pulumi"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return program


def test_the_copy_has_the_rehearsals_own_secrets_and_no_encrypted_values() -> None:
    text = workspace.rehearsed_values(VALUES, "encryptionsalt: v1:own\nconfig: {}\n")
    assert text.startswith("encryptionsalt: v1:own\n")
    assert "awskms" not in text, "a rehearsal must not reach for a real account's key"
    assert "secure" not in text
    assert "berth:token" not in text
    assert "berth:target: local  # kept" in text
    assert "berth:gpus: 0" in text


def test_refreshing_leaves_the_checkout_alone_and_links_to_it(where: Paths, checkout: Path) -> None:
    before = sorted(checkout.rglob("*"))
    root = workspace.refresh(where, checkout)
    assert sorted(checkout.rglob("*")) == before
    assert (root / "Pulumi.yaml").read_text() == "name: berth\nmain: stacks\nstackConfigDir: values\n"
    assert (root / "infra").readlink() == checkout / "infra"
    assert (root / "values" / "Pulumi.local.yaml").exists()


def test_a_value_set_in_the_rehearsal_lasts_until_the_checkout_changes(where: Paths, checkout: Path) -> None:
    root = workspace.refresh(where, checkout)
    copy = root / "values" / "Pulumi.local.yaml"
    copy.write_text(copy.read_text().replace("gpus: 0", 'gpus: "0"') + "encryptionsalt: v1:own\n")
    assert not workspace.changed_values(where, "local", checkout), "Pulumi quotes numbers when it writes"
    copy.write_text(copy.read_text().replace('gpus: "0"', "gpus: 2"))
    workspace.refresh(where, checkout)
    assert "gpus: 2" in copy.read_text()
    assert workspace.changed_values(where, "local", checkout)
    committed = checkout / "stacks" / "Pulumi.local.yaml"
    committed.write_text(VALUES.replace("gpus: 0", "gpus: 4"))
    workspace.refresh(where, checkout)
    assert "gpus: 4" in copy.read_text()
    assert "encryptionsalt: v1:own" in copy.read_text(), "the salt belongs to the state, not to the checkout"
    assert not workspace.changed_values(where, "local", checkout)


def test_an_environment_that_was_removed_disappears_from_the_workspace(where: Paths, checkout: Path) -> None:
    root = workspace.refresh(where, checkout)
    (checkout / "stacks" / "Pulumi.local.yaml").unlink()
    workspace.refresh(where, checkout)
    assert list((root / "values").iterdir()) == []


def test_an_unknown_environment_is_refused_with_the_known_ones(checkout: Path) -> None:
    with pytest.raises(BerthError) as caught:
        workspace.known("lokal", checkout)
    assert "'lokal'" in caught.value.message
    assert "local" in caught.value.hint


def call(shim: Path, cwd: Path, *arguments: str) -> list[str]:
    done = subprocess.run([shim, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_pulumi_is_led_to_the_workspace_only_from_inside_the_checkout(
    where: Paths, checkout: Path, engine: Path, tmp_path: Path
) -> None:
    root = workspace.refresh(where, checkout)
    shim = workspace.install_shims(where, engine, checkout) / "pulumi"
    assert call(shim, checkout, "up", "-s", "local") == ["-C", str(root), "up", "-s", "local"]
    assert call(shim, checkout / "infra", "preview") == ["-C", str(root), "preview"]
    assert call(shim, tmp_path, "version") == ["version"]
    assert call(shim, checkout, "-C", "/elsewhere", "up") == ["-C", "/elsewhere", "up"]
    assert call(shim, checkout, "--cwd=/elsewhere", "up") == ["--cwd=/elsewhere", "up"]
    other = checkout / "infra" / "Pulumi.yaml"
    other.write_text("name: other\n")
    assert call(shim, checkout / "infra", "up") == ["up"], "another project is none of our business"


def test_paths_on_pulumis_command_line_keep_their_meaning(where: Paths, checkout: Path, engine: Path) -> None:
    workspace.refresh(where, checkout)
    shim = workspace.install_shims(where, engine, checkout) / "pulumi"
    assert call(shim, checkout, "stack", "export", "--file", "out file.json", "--show-secrets")[2:] == [
        "stack",
        "export",
        "--file",
        f"{checkout}/out file.json",
        "--show-secrets",
    ]
    assert call(shim, checkout, "up", "--policy-pack=infra/policy", "--plan", "/x")[3:] == [
        f"--policy-pack={checkout}/infra/policy",
        "--plan",
        "/x",
    ]


def test_changed_values_reach_a_plain_pulumi(where: Paths, checkout: Path, engine: Path) -> None:
    workspace.refresh(where, checkout)
    shim = workspace.install_shims(where, engine, checkout) / "pulumi"
    call(shim, checkout, "up")
    assert not (checkout / "refreshed").exists(), "without a change there is nothing to refresh"
    (checkout / "stacks" / "Pulumi.local.yaml").write_text("config: {}\n")
    call(shim, checkout, "up")
    assert (checkout / "refreshed").exists()
    assert os.access(shim, os.X_OK)
