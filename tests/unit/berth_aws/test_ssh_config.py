import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from deployed_account import Account

from rehearsal.errors import BerthError
from scripts.berth.aws import sshconfig


def test_plain_ssh_understands_the_entries_through_one_include(account: Account) -> None:
    account.start("bastion")
    machine = account.start()
    file, names = sshconfig.write(account.place, "aws-vm")
    assert names == ["berth-aws-vm-bastion", "berth-aws-vm-machine"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    mine = account.directory / "home" / ".ssh" / "config"
    mine.write_text(f"Include {file.parent}/*.conf\nHost other\n    User me\n")
    done = subprocess.run(
        ["ssh", "-G", "-F", mine, names[1]], capture_output=True, text=True, check=True
    ).stdout
    assert f"hostkeyalias {machine}\n" in done
    assert "proxyjump berth-aws-vm-bastion\n" in done
    assert "stricthostkeychecking true\n" in done


def test_the_users_own_configuration_is_read_and_never_written(account: Account) -> None:
    account.start("bastion")
    account.start()
    mine = account.directory / "home" / ".ssh" / "config"
    assert not sshconfig.is_included(account.place)
    sshconfig.write(account.place, "aws-vm")
    assert not mine.exists()
    mine.write_text("# Include nothing\nHost x\n")
    assert not sshconfig.is_included(account.place)
    mine.write_text(f"{sshconfig.INCLUDE}\n")
    assert sshconfig.is_included(account.place)
    assert mine.read_text() == f"{sshconfig.INCLUDE}\n"


def test_it_can_be_removed_and_others_stay(account: Account) -> None:
    account.start("bastion")
    account.start()
    file, _ = sshconfig.write(account.place, "aws-vm")
    other = file.with_name("other.conf")
    other.touch()
    assert sshconfig.remove(account.place, "aws-vm")
    assert list(file.parent.iterdir()) == [other]
    assert not sshconfig.remove(account.place, "aws-vm")


def test_a_rehearsals_entries_never_stand_in_for_an_accounts(account: Account) -> None:
    rehearsed = replace(account.place, rehearsed=True)
    file = sshconfig.file_of(account.place, "aws-vm")
    assert sshconfig.file_of(rehearsed, "aws-vm") != file
    file.parent.mkdir(parents=True)
    file.touch()
    sshconfig.file_of(rehearsed, "aws-vm").touch()
    removed = sshconfig.remove_rehearsals(account.directory / "home")
    assert [Path(name).name for name in removed] == ["rehearsal-aws-vm.conf"]
    assert file.exists()


def test_nothing_is_written_before_the_host_keys_are_known(account: Account) -> None:
    account.start("bastion")
    account.start(known=False)
    with pytest.raises(BerthError, match="host key yet"):
        sshconfig.write(account.place, "aws-vm")
    assert not sshconfig.file_of(account.place, "aws-vm").exists()
