"""`…Patch` resources: some fields of an object that others own, by server-side apply.

The object need not be this program's; deleting the resource gives the fields back, and leaves the object.
"""

import secrets
from typing import Any

from rehearsal.providers.kubernetes import check, diff, foresee, merge, secretfields
from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError
from rehearsal.providers.kubernetes.connection import Connection
from rehearsal.providers.kubernetes.messages import refused_update
from rehearsal.providers.kubernetes.objects import annotation, object_id, parse_id, with_metadata
from rehearsal.providers.plugin.drift import drift
from rehearsal.providers.plugin.model import Autonaming, Call, Checked, Diff, State, Values
from rehearsal.providers.plugin.values import has_unknown, reveal

_FIELD_MANAGER = "pulumi.com/patchFieldManager"
_OWN_ANNOTATIONS = frozenset({_FIELD_MANAGER, foresee.PATCH_FORCE, "pulumi.com/skipAwait"})


class PatchHandler:
    """The Handler of patches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        config = connection.config
        self._options = foresee.Options(server_side_apply=True, patch_force=config.enable_patch_force)

    def check(
        self, call: Call, olds: Values, news: Values, *, seed: bytes, autonaming: Autonaming | None
    ) -> Checked:
        """See Handler."""
        try:
            checked = check.check(
                call,
                olds,
                news,
                seed=seed,
                autonaming=autonaming,
                find_schema=self._connection.find_schema,
            )
        except UnknownKindError as error:
            return Checked(inputs=news, failures=[self._connection.explain_unknown(error)])
        return checked

    def diff(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> Diff:
        """See Handler."""
        del call
        before = old.inputs or old.outputs.get("__inputs") or {}
        namespace = self._connection.namespace
        found = diff.changes(before, news, ignored)
        found = diff.replaced(found, diff.identity_paths(before, news, namespace))
        return Diff(changes=diff.result(found, before, news, namespace).changes)

    def create(self, call: Call, news: Values) -> State:
        """See Handler."""
        named = annotation(news, _FIELD_MANAGER)
        return self._apply(call, news, named or f"{merge.CREATOR}-{secrets.token_hex(4)}", "")

    def update(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> State:
        """See Handler."""
        del ignored
        return self._apply(call, news, _manager(old), old.id)

    def _apply(self, call: Call, news: Values, manager: str, identity: str) -> State:
        if call.preview and (has_unknown(news) or not self._connection.known):
            return State(identity, news, news)
        client = self._connection.client
        plain = _sent(news)
        try:
            live = client.apply(
                plain, field_manager=manager, force=self._options.force(reveal(news)), dry_run=call.preview
            )
        except UnknownKindError:
            if call.preview:
                return State(identity, news, news)
            raise
        except ApiError as error:
            if call.preview and error.not_found:
                return State(identity, news, news)
            raise refused_update(call, object_id(plain), error) from error
        return State(object_id(live), news, _outputs(live, news, manager))

    def read(self, call: Call, known: State) -> State | None:
        """See Handler."""
        del call
        before = known.inputs or known.outputs.get("__inputs") or {}
        namespace, name = parse_id(known.id)
        obj = with_metadata(reveal(before), name=name, **({"namespace": namespace} if namespace else {}))
        try:
            live = self._connection.client.get_object(obj)
        except (ApiError, UnknownKindError) as error:
            if isinstance(error, UnknownKindError) or error.not_found:
                return None
            raise
        inputs = secretfields.mark_outputs(drift(reveal(before), reveal(known.outputs), live), before)
        return State(known.id, inputs, _outputs(live, inputs, _manager(known)))

    def delete(self, call: Call, old: State) -> None:
        """Give the fields back: apply nothing but the object's identity."""
        del call
        before = reveal(old.inputs or old.outputs.get("__inputs") or {})
        namespace, name = parse_id(old.id)
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        identity = {"apiVersion": before["apiVersion"], "kind": before["kind"], "metadata": metadata}
        client = self._connection.client
        try:
            client.get_object(identity)
            client.apply(identity, field_manager=_manager(old))
        except UnknownKindError:
            return
        except ApiError as error:
            if not error.not_found:
                raise


def _sent(news: Values) -> Values:
    """What is applied: the inputs without the annotations that only speak to the provider."""
    plain: Values = reveal(news)
    annotations: dict[str, Any] = dict((plain.get("metadata") or {}).get("annotations") or {})
    kept = {key: value for key, value in annotations.items() if key not in _OWN_ANNOTATIONS}
    metadata = {key: value for key, value in plain["metadata"].items() if key != "annotations"}
    return {**plain, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


def _outputs(live: Values, inputs: Values, manager: str) -> Values:
    return {
        **secretfields.mark_outputs(live, inputs),
        "__inputs": secretfields.mark_inputs(inputs),
        "__initialApiVersion": live["apiVersion"],
        "__fieldManager": manager,
    }


def _manager(state: State) -> str:
    stored = state.outputs.get("__fieldManager")
    return stored if isinstance(stored, str) and stored else f"{merge.CREATOR}-{secrets.token_hex(4)}"
