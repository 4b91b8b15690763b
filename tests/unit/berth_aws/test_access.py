import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from deployed_account import Account

from rehearsal.errors import BerthError
from scripts.berth import access, keys, values

ANSWER = {"text": "203.0.113.7\n"}


class CheckIp(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        body = ANSWER["text"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(autouse=True)
def checkip(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The service that tells the own address."""
    monkeypatch.setitem(ANSWER, "text", "203.0.113.7\n")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), CheckIp)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("BERTH_CHECKIP_URL", f"http://127.0.0.1:{server.server_port}/")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def never(_: list[str]) -> str:
    raise AssertionError("nobody is to be asked")


def refresh(account: Account, **how: object) -> tuple[list[str], bool]:
    arguments: dict[str, object] = {"address": None, "add": False, "key": None, "ask": access.choose, **how}
    return access.refresh(account.place, "aws-vm", **arguments)  # type: ignore[arg-type]


def written(account: Account) -> dict[str, object]:
    return values.read(account.values)


def test_the_first_time_writes_the_address_and_the_key(account: Account) -> None:
    changed, with_key = refresh(account)
    public = (account.directory / "home" / ".ssh" / "id_ed25519.pub").read_text().strip()
    assert with_key
    assert written(account)["allowed_addresses"] == ["203.0.113.7/32"]
    assert written(account)["ssh_public_keys"] == [public]
    assert any("203.0.113.7/32" in line for line in changed)


def test_a_changed_address_changes_one_line(account: Account) -> None:
    refresh(account)
    ANSWER["text"] = "203.0.113.8"
    changed, with_key = refresh(account, ask=never)
    assert changed == ['-    - "203.0.113.7/32"', '+    - "203.0.113.8/32"']
    assert not with_key
    assert refresh(account, ask=never) == ([], False)


def test_addresses_of_others_stay_where_that_is_asked_for(account: Account) -> None:
    refresh(account, address="192.0.2.9")
    refresh(account, add=True)
    assert written(account)["allowed_addresses"] == ["192.0.2.9/32", "203.0.113.7/32"]
    refresh(account, add=True)
    assert written(account)["allowed_addresses"] == ["192.0.2.9/32", "203.0.113.7/32"]


@pytest.mark.parametrize("text", ["2001:db8::1", "<html>sign in</html>", "", "0.0.0.0", "127.0.0.1"])
def test_what_is_no_public_ipv4_address_is_refused(account: Account, text: str) -> None:
    ANSWER["text"] = text
    before = account.values.read_text()
    with pytest.raises(BerthError) as caught:
        refresh(account)
    assert repr(text) in caught.value.message
    assert "--address" in caught.value.hint
    assert account.values.read_text() == before


def test_a_service_that_does_not_answer_is_named(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERTH_CHECKIP_URL", "http://127.0.0.1:1/")
    with pytest.raises(BerthError, match=r"http://127.0.0.1:1/.*does not answer"):
        refresh(account)
    assert refresh(account, address="203.0.113.9")[0], "an address can be named instead"


def test_an_access_without_a_list_takes_keys_only(account: Account) -> None:
    account.values.write_text(account.values.read_text().replace("kind: bastion", "kind: ssm"))
    assert refresh(account, ask=never) == ([], False)
    with pytest.raises(BerthError, match="no list of addresses"):
        refresh(account, address="203.0.113.7")
    public = account.directory / "home" / ".ssh" / "id_ed25519.pub"
    refresh(account, key=public)
    assert written(account)["ssh_public_keys"] == [public.read_text().strip()]
    assert refresh(account, key=public.with_suffix("")) == ([], False), "it is there already"


def test_of_several_keys_one_is_asked_for(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BERTH_SSH_KEY")
    home = account.directory / "home" / ".ssh"
    (home / "id_rsa.pub").write_text("ssh-rsa AAAAB3NzaC1yc2E me@old\n")
    with pytest.raises(BerthError) as caught:
        refresh(account)
    assert "me@old" in caught.value.message
    assert "--key" in caught.value.hint
    refresh(account, ask=lambda candidates: candidates[-1])
    assert written(account)["ssh_public_keys"] == ["ssh-rsa AAAAB3NzaC1yc2E me@old"]


def test_a_private_key_is_never_taken_for_a_public_one(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n")
    with pytest.raises(BerthError, match="no public key"):
        refresh(account, key=file)
    with pytest.raises(BerthError, match="cannot be read"):
        refresh(account, key=tmp_path / "absent")


def test_keys_of_the_agent_come_first_and_none_twice(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployed_account import stub

    monkeypatch.delenv("BERTH_SSH_KEY")
    public = (account.directory / "home" / ".ssh" / "id_ed25519.pub").read_text().strip()
    stub(
        account.directory,
        "ssh-add",
        f"#!/bin/sh\necho 'ssh-ed25519 AAAAagent token'\necho '{public} in the agent'\n",
    )
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    found = keys.public_keys(account.place.environ)
    assert [key.split()[1] for key in found] == ["AAAAagent", public.split()[1]]


def test_the_file_stays_valid(account: Account) -> None:
    refresh(account)
    assert yaml.safe_load(account.values.read_text())["config"]["berth:owner"] == "ml-team"
