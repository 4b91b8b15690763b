"""The recorded requests of the engine, answered by the stand-in over a recorded API server.

The server's part is taken from the recordings: what it made of a create, an update or a read. Everything else
(names, ids, inputs, diffs, replacements, previews, states) is the stand-in's own. The same phases against a
real API server are in tests/rehearsal.
"""

import copy
from typing import Any

import pytest
from plugin_double import MemoryClient, Plugin
from plugin_recordings import DIFFERENCES, PHASES, Exchange, normalised, recorded, unexpected

_ANSWERED_ELSEWHERE = {"Handshake", "GetPluginInfo"}
_OWN = ("__inputs", "__initialApiVersion", "__fieldManager")
_SIGNATURE = "4dabf18193072939515e22adb298388d"


def _plain(value: Any) -> Any:
    """Recorded property values without the marks of secrets."""
    if isinstance(value, dict):
        return _plain(value["value"]) if _SIGNATURE in value else {k: _plain(v) for k, v in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _live(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in _plain(properties).items() if key not in _OWN}


def _stage(client: MemoryClient, exchange: Exchange) -> None:
    """Put into the server what it held and what it answered when this was recorded."""
    client.live.clear()
    client.made.clear()
    request, response = exchange.request, exchange.response or {}
    before = request.get("olds") or request.get("properties") or {}
    if exchange.method in {"Diff", "Update", "Delete", "Read"} and before:
        shown = (response.get("properties") or before) if exchange.method == "Read" else before
        client.live[client.object_path(_live(before))] = _live(shown)
    after = response.get("properties")
    if exchange.method in {"Create", "Update"} and after:
        client.made[client.object_path(_live(after))] = _live(after)


def _answer(plugin: Plugin, exchange: Exchange) -> dict[str, Any]:
    _stage(plugin.client, exchange)
    request = copy.deepcopy(exchange.request)
    known = (exchange.response or {}).get("properties") or {}
    unforeseen = exchange.method == "Create" and request.get("preview") and "__inputs" not in known
    if unforeseen:  # its namespace did not exist, or an object of the same name did
        plugin.client.live.update(plugin.client.made)
    return plugin.ask(exchange.method, request)


@pytest.mark.parametrize("phase", PHASES)
def test_every_response_is_the_recorded_one(plugin: Plugin, phase: str) -> None:
    wrong = []
    for exchange in recorded(phase):
        if exchange.method in _ANSWERED_ELSEWHERE or exchange.method.startswith("Configure"):
            continue
        ours = _answer(plugin, exchange)
        if paths := unexpected(exchange, ours):
            wrong.append((exchange.method, exchange.resource, paths))
    assert not wrong, "a program that runs on the real plugin must see the same from the stand-in"


@pytest.mark.parametrize("phase", PHASES)
def test_names_are_exactly_the_recorded_ones(plugin: Plugin, phase: str) -> None:
    for exchange in recorded(phase):
        if exchange.method == "Check":
            assert plugin.ask("Check", exchange.request) == exchange.response, exchange.resource


@pytest.mark.parametrize("phase", ["01-preview", "03-preview-noop", "04-preview-change"])
def test_a_preview_writes_nothing(plugin: Plugin, phase: str) -> None:
    for exchange in recorded(phase):
        if exchange.method in {"Check", "Diff", "Create", "Update"}:
            _answer(plugin, exchange)
    assert plugin.client.wrote() == []


def test_a_preview_without_a_change_asks_the_server_nothing(plugin: Plugin) -> None:
    for exchange in recorded("03-preview-noop"):
        if exchange.method in {"Check", "Diff"}:
            _answer(plugin, exchange)
    assert plugin.client.calls == [], "that is what makes it fast"


def test_a_create_posts_the_inputs(plugin: Plugin) -> None:
    for exchange in recorded("02-up"):
        if exchange.method == "Create":
            _answer(plugin, exchange)
            verb, _, how = plugin.client.calls[-1]
            assert verb == "create"
            assert how["obj"] == _plain(exchange.request["properties"]), (
                "secrets are plain on the server only"
            )
            assert how["field_manager"] == "pulumi-kubernetes"


def test_an_update_is_applied_by_the_resource_s_own_manager(plugin: Plugin) -> None:
    for phase in ("06-up-change", "08-up-labelremoved"):
        for exchange in (e for e in recorded(phase) if e.method == "Update"):
            plugin.client.calls.clear()
            _answer(plugin, exchange)
            verbs = [verb for verb, _, _ in plugin.client.calls]
            assert verbs == ["get", "patch", "apply"], (
                "the POST's fields are taken over before the first apply"
            )
            assert plugin.client.calls[-1][2]["field_manager"] == exchange.request["olds"]["__fieldManager"]


def test_configuration_is_answered_as_recorded(plugin: Plugin) -> None:
    for exchange in recorded("02-up"):
        if exchange.method == "Configure":
            assert plugin.ask("Configure", exchange.request) == exchange.response


def test_every_entry_of_the_table_of_differences_is_still_one(plugin: Plugin) -> None:
    found = set()
    for phase in PHASES:
        for exchange in recorded(phase):
            if exchange.method == "Update":
                ours = _answer(plugin, exchange)
                if normalised(exchange.response) != normalised(ours):
                    found.add((exchange.method, exchange.resource))
    table = {(method, resource) for method, resource, _ in DIFFERENCES if method == "Update"}
    assert ("Update", "svc") in found
    assert found <= table
