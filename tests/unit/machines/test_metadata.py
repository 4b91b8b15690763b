"""The metadata service: its tree, and its protocol over HTTP on a loopback address."""

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest
from machines_samples import PRIVATE, PUBLIC, instance, machine

from rehearsal.machines.metadata.service import NTP_EPOCH, Guest, Service, Tokens, ntp_answer
from rehearsal.machines.metadata.tree import answer, tree
from rehearsal.machines.model import Interruption, Volume

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


@pytest.fixture
def service() -> Iterator[Service]:
    listener = socket.create_server(("127.0.0.1", 0))
    running = Service(listener, b"key")
    leaves = tree(instance(), PUBLIC, user_data=b"\x1f\x8b\x08\x00bytes")
    running.guests = {"127.0.0.1": Guest(leaves=lambda: leaves, hop_limit=1)}
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def ask(
    service: Service, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> SimpleNamespace:
    connection = http.client.HTTPConnection(*service.socket.getsockname(), timeout=5)
    connection.request(method, path, headers=headers or {})
    reply = connection.getresponse()
    return SimpleNamespace(status=reply.status, body=reply.read(), headers=reply.headers)


def token(service: Service, seconds: str = "60") -> dict[str, str]:
    reply = ask(service, "/latest/api/token", method="PUT", headers={TTL: seconds})
    assert reply.status == 200
    assert reply.headers[TTL] == seconds
    return {TOKEN: reply.body.decode()}


def test_without_a_token_there_is_no_answer(service: Service) -> None:
    assert ask(service, "/latest/meta-data/instance-id").status == 401
    assert ask(service, "/latest/user-data", headers={TOKEN: "9999999999-00"}).status == 401


def test_with_a_token_there_is(service: Service) -> None:
    reply = ask(service, "/latest/meta-data/instance-id", headers=token(service))
    assert (reply.status, reply.body) == (200, instance().id.encode())


def test_user_data_comes_byte_for_byte(service: Service) -> None:
    assert ask(service, "/latest/user-data", headers=token(service)).body == b"\x1f\x8b\x08\x00bytes"


@pytest.mark.parametrize("seconds", ["", "0", "21601", "many"])
def test_a_token_needs_a_life_within_limits(service: Service, seconds: str) -> None:
    assert ask(service, "/latest/api/token", method="PUT", headers={TTL: seconds}).status == 400


def test_a_proxy_gets_no_token(service: Service) -> None:
    headers = {TTL: "60", "X-Forwarded-For": "10.0.0.9"}
    assert ask(service, "/latest/api/token", method="PUT", headers=headers).status == 403


def test_strangers_and_machines_without_metadata_are_refused(service: Service) -> None:
    headers = token(service)
    service.guests = {"127.0.0.1": Guest(leaves=dict, hop_limit=1, enabled=False)}
    assert ask(service, "/latest/meta-data/", headers=headers).status == 403
    service.guests = {}
    assert ask(service, "/latest/api/token", method="PUT", headers={TTL: "60"}).status == 403


def test_a_token_is_good_for_one_machine_and_its_time() -> None:
    tokens = Tokens(b"key")
    issued = tokens.issue("10.0.0.5", 60)
    assert tokens.accepts("10.0.0.5", issued)
    assert not tokens.accepts("10.0.0.6", issued)
    assert not tokens.accepts("10.0.0.5", tokens.issue("10.0.0.5", -1))
    assert not Tokens(b"other").accepts("10.0.0.5", issued)


def test_the_hop_limit_bounds_the_way_of_the_token(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    original = socket.socket.setsockopt

    def record(self: socket.socket, level: int, option: int, value: int) -> None:
        if (level, option) == (socket.IPPROTO_IP, socket.IP_TTL):
            limits.append(value)
        original(self, level, option, value)

    monkeypatch.setattr(socket.socket, "setsockopt", record)
    service.guests = {"127.0.0.1": Guest(leaves=dict, hop_limit=2)}
    token(service)
    assert limits == [2]


def test_an_unknown_path_is_not_found(service: Service) -> None:
    headers = token(service)
    for path in ("/latest/meta-data/spot/instance-action", "/latest/nothing", "/nowhere/meta-data/"):
        assert ask(service, path, headers=headers).status == 404, path


def test_listings_name_what_is_below() -> None:
    leaves = tree(instance(key=("mine", "ssh-ed25519 AAAA mine")), PUBLIC)
    listing = (answer(leaves, "meta-data/") or b"").decode().splitlines()
    assert {"instance-id", "placement/", "network/", "public-keys/"} <= set(listing)
    assert not {"iam/", "spot/", "tags/", "events/"} & set(listing)
    assert answer(leaves, "meta-data/public-keys/") == b"0=mine"
    assert answer(leaves, "meta-data/public-keys/0/") == b"openssh-key"
    assert answer(leaves, "meta-data/public-keys/0/openssh-key") == b"ssh-ed25519 AAAA mine"
    assert answer(leaves, "user-data") is None


def test_a_notice_shows_what_will_happen_and_when() -> None:
    leaves = tree(
        machine(spot=True),
        PRIVATE,
        interruption=Interruption(instance="i", at=1764000000.0),
        noticed=1763999880.0,
    )
    action = json.loads(leaves["meta-data/spot/instance-action"])
    assert action == {"action": "terminate", "time": "2025-11-24T16:00:00Z"}
    assert leaves["meta-data/spot/termination-time"] == b"2025-11-24T16:00:00Z"
    rebalance = json.loads(leaves["meta-data/events/recommendations/rebalance"])
    assert rebalance == {"noticeTime": "2025-11-24T15:58:00Z"}


def test_a_role_shows_its_credentials() -> None:
    credentials = {"Code": "Success", "AccessKeyId": "ASIA0", "LastUpdated": "2026-11-22T20:00:00Z"}
    profiled = machine(profile=("arn:aws:iam::1:instance-profile/p", "AIPA0"))
    leaves = tree(profiled, PRIVATE, role="trainer", credentials=credentials)
    assert answer(leaves, "meta-data/iam/security-credentials/") == b"trainer"
    assert json.loads(leaves["meta-data/iam/security-credentials/trainer"]) == credentials
    assert "meta-data/iam/info" not in tree(profiled, PRIVATE)


def test_tags_show_only_where_they_are_enabled() -> None:
    tagged = instance(tags=(("berth:role", "bastion"),))
    assert not any("tags" in name for name in tree(tagged, PUBLIC))
    leaves = tree(replace(tagged, tags_in_metadata=True), PUBLIC)
    assert leaves["meta-data/tags/instance/berth:role"] == b"bastion"


def test_the_identity_document_names_the_instance() -> None:
    document = json.loads(tree(machine(), PRIVATE)["dynamic/instance-identity/document"])
    assert document["instanceId"] == machine().id
    assert (document["region"], document["availabilityZone"]) == ("us-east-1", "us-east-1a")


def test_volumes_show_in_the_mapping() -> None:
    leaves = tree(machine(volumes=(Volume(device="/dev/sdf", id="vol-1", gib=20),)), PRIVATE)
    assert leaves["meta-data/block-device-mapping/ebs1"] == b"sdf"


def test_the_clock_answers_what_it_was_asked() -> None:
    request = b"\x23" + b"\0" * 39 + b"SENT-AT!"
    reply = ntp_answer(request, 1764000000.5)
    assert reply[0] >> 3 & 7 == 4
    assert reply[0] & 7 == 4
    assert reply[24:32] == b"SENT-AT!"
    assert struct.unpack("!II", reply[40:48]) == (1764000000 + NTP_EPOCH, 1 << 31)
