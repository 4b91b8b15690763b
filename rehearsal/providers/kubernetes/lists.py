"""`…List` resources: several objects of one kind, each with a name of its own, handled as one resource."""

from typing import Any

from rehearsal.providers.kubernetes.objects import group_of, parse_type
from rehearsal.providers.plugin.model import (
    Autonaming,
    Call,
    Change,
    Checked,
    Diff,
    Failure,
    Handler,
    State,
    Values,
)
from rehearsal.providers.plugin.paths import get_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret


class ListHandler:
    """The Handler of lists: each operation is that of the items, by another Handler."""

    def __init__(self, objects: Handler) -> None:
        self._objects = objects

    def check(
        self, call: Call, olds: Values, news: Values, *, seed: bytes, autonaming: Autonaming | None
    ) -> Checked:
        """See Handler."""
        del olds  # items are named by the program, so none of them takes over an old name
        token = parse_type(call.type)
        inputs = {"apiVersion": token.api_version, "kind": token.kind, **news}
        items = _plain(inputs.get("items"))
        if items is UNKNOWN:
            return Checked(inputs=inputs)
        if not isinstance(items, list):
            return Checked(inputs=inputs, failures=[Failure("items", "expected a list of objects")])
        failures: list[Failure] = []
        checked_items: list[Any] = []
        for index, item in enumerate(items):
            path = f"items[{index}]"
            if not isinstance(item, dict):
                failures.append(Failure(path, "expected an object"))
            elif not get_path(item, ("metadata", "name")) or "name" not in (item.get("metadata") or {}):
                failures.append(
                    Failure(f"{path}.metadata.name", "required: items of a list have no automatic names")
                )
            else:
                checked = self._objects.check(
                    _item_call(call, item), {}, _with_kind(call, item), seed=seed, autonaming=autonaming
                )
                checked_items.append(checked.inputs)
                failures += [Failure(f"{path}.{f.path}", f.reason) for f in checked.failures]
        return Checked(inputs={**inputs, "items": checked_items}, failures=failures)

    def diff(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> Diff:
        """An item that came, went or changed; nothing replaces the list as a whole."""
        before, after = _by_name(old.inputs), _by_name(news)
        changes: dict[str, Change] = {}
        for index, (key, item) in enumerate(after.items()):
            if key not in before:
                changes[f"items[{index}]"] = Change("ADD")
            elif before[key] != item:
                inner = self._objects.diff(
                    _item_call(call, item), State(key, before[key], {}), item, ignored=ignored
                )
                for path, change in inner.changes.items():
                    changes[f"items[{index}].{path}"] = Change("UPDATE", change.input_diff)
        gone = [index for index, key in enumerate(before) if key not in after]
        changes |= {f"items[{index}]": Change("DELETE", input_diff=True) for index in gone}
        return Diff(changes=changes)

    def create(self, call: Call, news: Values) -> State:
        """See Handler."""
        if not isinstance(_plain(news.get("items")), list):
            return State("", news, news)
        states = [self._objects.create(_item_call(call, i), i) for i in _by_name(news).values()]
        return _joined(call, news, states)

    def read(self, call: Call, known: State) -> State | None:
        """See Handler. Items that are gone are missing from the result; a list without items is gone."""
        outputs = _by_name(known.outputs)
        states = []
        for key, item in _by_name(known.inputs).items():
            state = self._objects.read(_item_call(call, item), State(_id(key), item, outputs.get(key) or {}))
            if state is not None:
                states.append(state)
        if not states:
            return None
        joined = _joined(call, {**known.inputs, "items": [s.inputs for s in states]}, states)
        return State(known.id, joined.inputs, joined.outputs)

    def update(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> State:
        """Create, update, replace and delete items as each needs."""
        if not isinstance(_plain(news.get("items")), list):
            return State(old.id, news, news)
        before, outputs, states = _by_name(old.inputs), _by_name(old.outputs), []
        after = _by_name(news)
        for key, item in before.items():
            if key not in after and not call.preview:
                self._objects.delete(_item_call(call, item), State(_id(key), item, outputs.get(key) or {}))
        for key, item in after.items():
            one = _item_call(call, item)
            stored = State(_id(key), before.get(key) or {}, outputs.get(key) or {})
            if key not in before:
                states.append(self._objects.create(one, item))
                continue
            found = self._objects.diff(one, stored, item, ignored=ignored)
            if any(change.replaces for change in found.changes.values()):
                if not call.preview:
                    self._objects.delete(one, stored)
                states.append(self._objects.create(one, item))
            else:
                states.append(self._objects.update(one, stored, item, ignored=ignored))
        return State(old.id, news, _joined(call, news, states).outputs)

    def delete(self, call: Call, old: State) -> None:
        """See Handler; last made, first gone."""
        outputs = _by_name(old.outputs)
        items = _by_name(old.inputs) or outputs
        for key, item in reversed(items.items()):
            self._objects.delete(_item_call(call, item), State(_id(key), item, outputs.get(key) or item))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Secret) else value


def _with_kind(call: Call, item: Values) -> Values:
    token = parse_type(call.type)
    return {"apiVersion": token.api_version, "kind": token.kind.removesuffix("List"), **item}


def _item_call(call: Call, item: Values) -> Call:
    version, kind = str(_with_kind(call, item)["apiVersion"]), str(_with_kind(call, item)["kind"])
    group_version = version if group_of(version) else f"core/{version}"
    return Call(
        urn=call.urn,
        type=f"kubernetes:{group_version}:{kind}",
        name=call.name,
        preview=call.preview,
        timeout=call.timeout,
        say=call.say,
        warn=call.warn,
        cancelled=call.cancelled,
    )


def _by_name(values: Values) -> dict[str, Values]:
    """The items by `namespace/name`, in order."""
    items = _plain(values.get("items"))
    named: dict[str, Values] = {}
    for item in items if isinstance(items, list) else []:
        metadata = item.get("metadata") or {}
        named[f"{metadata.get('namespace') or ''}/{metadata.get('name')}"] = item
    return named


def _id(key: str) -> str:
    return key.removeprefix("/")


def _joined(call: Call, news: Values, states: list[State]) -> State:
    outputs = {**news, "items": [state.outputs for state in states], "__inputs": news}
    return State(call.name, news, outputs)
