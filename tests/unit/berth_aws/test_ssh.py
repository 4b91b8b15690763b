import subprocess
import sys
from pathlib import Path

import pytest
from deployed_account import HOST_KEY, Account, stub

from rehearsal.errors import BerthError
from scripts.berth.aws import connect


def resolved(config: Path, name: str) -> dict[str, str]:
    """What the real ssh understands of a configuration."""
    done = subprocess.run(["ssh", "-G", "-F", config, name], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_the_machine_is_reached_through_the_bastion_and_both_are_known(account: Account) -> None:
    bastion, machine = account.start("bastion"), account.start()
    way = connect.prepare(account.place, "aws-vm")
    assert way.machine.id == machine
    found = resolved(way.config, way.name)
    assert found["proxyjump"] == "berth-aws-vm-bastion"
    assert found["hostname"] == way.machine.private_address
    assert found["hostkeyalias"] == machine
    assert found["user"] == "admin"
    assert found["stricthostkeychecking"] == "true", "nobody is to be asked whether a fingerprint is right"
    assert found["globalknownhostsfile"] == "/dev/null"
    assert found["identitiesonly"] == "yes"
    assert found["identityfile"].endswith(".ssh/id_ed25519")
    entry = resolved(way.config, "berth-aws-vm-bastion")
    assert entry["hostname"] == "127.0.0.1"
    assert entry["hostkeyalias"] == bastion
    known = Path(found["userknownhostsfile"])
    assert known.read_text() == f"{bastion} {HOST_KEY}\n{machine} {HOST_KEY}\n"
    assert known.is_relative_to(account.directory / "home" / ".local" / "state" / "berth")
    for file in (known, way.config):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_bastion_itself_is_reached_without_a_machine(account: Account) -> None:
    account.start("bastion")
    way = connect.prepare(account.place, "aws-vm", "bastion")
    assert "proxyjump" not in resolved(way.config, way.name)


def test_a_replaced_machine_is_known_by_its_own_key(account: Account) -> None:
    account.start("bastion")
    old = account.start()
    connect.prepare(account.place, "aws-vm")
    account.end(old)
    new = account.start(known=False)
    other = HOST_KEY.replace("Machine", "Another")
    account.put(f"machines/{new}/ssh_host_ed25519_key.pub", other)
    connect.prepare(account.place, "aws-vm")
    text = (connect.state(account.place, "aws-vm") / "known_hosts").read_text()
    assert f"{new} {other}" in text
    assert old not in text


def test_a_machine_without_a_reported_key_is_still_coming_up(account: Account) -> None:
    account.start("bastion")
    account.start(known=False)
    with pytest.raises(BerthError) as caught:
        connect.prepare(account.place, "aws-vm")
    assert "not reported its host key yet" in caught.value.message
    assert "berth verify aws-vm" in caught.value.hint


@pytest.mark.parametrize("text", ["", "not a key", "i-other ssh-ed25519 AAAA", "@revoked * ssh-rsa A"])
def test_what_is_no_host_key_is_not_trusted(account: Account, text: str) -> None:
    account.start("bastion")
    machine = account.start()
    account.put(f"machines/{machine}/ssh_host_ed25519_key.pub", text)
    with pytest.raises(BerthError, match="is none"):
        connect.prepare(account.place, "aws-vm")


@pytest.mark.parametrize(
    ("access", "command"),
    [
        (
            "ssm",
            (
                "aws ssm start-session --target %h --document-name AWS-StartSSHSession"
                " --parameters portNumber=%p --region us-east-1"
            ),
        ),
        (
            "instance-connect",
            "aws ec2-instance-connect open-tunnel --instance-id %h --remote-port %p --region us-east-1",
        ),
    ],
)
def test_without_a_bastion_awss_own_programs_are_the_way(account: Account, access: str, command: str) -> None:
    account.outputs(access=access, bastion_address=None, bastion_instance_id=None)
    machine = account.start()
    for program in ("aws", "session-manager-plugin"):
        stub(account.directory, program, "#!/bin/sh\n")
    way = connect.prepare(account.place, "aws-vm")
    found = resolved(way.config, way.name)
    assert found["proxycommand"] == command
    assert found["hostname"] == machine
    assert found["hostkeyalias"] == machine


def test_missing_programs_are_named_with_where_to_get_them(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.outputs(access="ssm", bastion_address=None)
    account.start()
    monkeypatch.setenv("PATH", str(account.directory / "bin"))
    for program in ("ssh", "aws", "session-manager-plugin"):
        with pytest.raises(BerthError, match=f"`{program}` is not on PATH") as caught:
            connect.prepare(account.place, "aws-vm")
        assert caught.value.hint.startswith("Install")
        stub(account.directory, program, "#!/bin/sh\n")
    connect.prepare(account.place, "aws-vm")


def test_a_key_that_is_named_has_to_be_there(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.start("bastion")
    account.start()
    monkeypatch.setenv("BERTH_SSH_KEY", "/nowhere/key")
    with pytest.raises(BerthError, match="BERTH_SSH_KEY names /nowhere/key"):
        connect.prepare(account.place, "aws-vm")
    monkeypatch.delenv("BERTH_SSH_KEY")
    connect.prepare(account.place, "aws-vm")  # the one in ~/.ssh
    for file in (account.directory / "home" / ".ssh").iterdir():
        file.unlink()
    with pytest.raises(BerthError, match="you have no SSH key"):
        connect.prepare(account.place, "aws-vm")


def test_a_silent_bastion_means_that_the_address_has_changed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(connect, "SSH_PORT", unused.getsockname()[1])
        with pytest.raises(BerthError) as caught:
            connect._probe(account.place, "aws-vm", "127.0.0.1")
    assert "berth access refresh aws-vm --up" in caught.value.hint


RUN = """
import os, sys
from pathlib import Path
from moto import mock_aws
from scripts.berth.aws import connect
from scripts.berth.place import Place
class Ways:
    pass
def prepare(place, env, role, instance):
    return connect.Way(place=place, outputs=None, machine=None, config=Path("/c"), name="berth-x-" + role)
connect.prepare = prepare
connect.is_keyless = lambda *_: False
here = Path("/")
place = Place(engine="", environ=dict(os.environ), project=here, rehearsed=False, values=here)
connect.ssh(place, "x", sys.argv[1], sys.argv[2:])
"""


def test_a_commands_input_output_and_status_are_sshs(account: Account) -> None:
    stub(account.directory, "ssh", '#!/bin/sh\necho "args: $*"\ncat\nexit 7\n')
    done = subprocess.run(
        [sys.executable, "-c", RUN, "machine", "wc", "-l"], input="some input", capture_output=True, text=True
    )
    assert done.stdout == "args: -F /c berth-x-machine wc -l\nsome input"
    assert done.returncode == 7, done.stderr


def test_instance_connect_is_given_the_key_before_ssh_needs_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.outputs(access="instance-connect", bastion_address=None)
    machine = account.start()
    sent: list[dict[str, str]] = []

    class Client:
        def send_ssh_public_key(self, **request: str) -> None:
            sent.append(request)

    monkeypatch.setattr(connect, "client", lambda *_: Client())
    stub(account.directory, "aws", "#!/bin/sh\n")
    connect.prepare(account.place, "aws-vm")
    public = (account.directory / "home" / ".ssh" / "id_ed25519.pub").read_text().strip()
    assert [(one["InstanceId"], one["InstanceOSUser"], one["SSHPublicKey"]) for one in sent] == [
        (machine, "admin", public)
    ]


def test_session_manager_needs_no_key_for_a_shell_but_one_for_a_status(account: Account) -> None:
    account.outputs(access="ssm", bastion_address=None)
    account.values.write_text(account.values.read_text().replace("kind: bastion", "kind: ssm"))
    machine = account.start(known=False)
    for program in ("aws", "session-manager-plugin"):
        stub(account.directory, program, "#!/bin/sh\n")
    assert connect.is_keyless(account.place, "aws-vm")
    argv = connect._session(account.place, "aws-vm", [], "")
    assert argv == ["aws", "ssm", "start-session", "--target", machine, "--region", "us-east-1"]
    with pytest.raises(BerthError, match="no exit status"):
        connect._session(account.place, "aws-vm", ["true"], "")


def test_what_a_command_on_the_machine_says_when_it_fails_is_shown(account: Account) -> None:
    account.start("bastion")
    account.start()
    way = connect.prepare(account.place, "aws-vm")
    stub(account.directory, "ssh", '#!/bin/sh\necho "denied" >&2\nexit 255\n')
    with pytest.raises(BerthError, match="denied"):
        way.capture("true")
    stub(account.directory, "ssh", '#!/bin/sh\necho "$@"\n')
    assert way.capture("uptime").endswith("berth-aws-vm-machine uptime\n")
