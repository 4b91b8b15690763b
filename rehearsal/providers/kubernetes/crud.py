"""Creates, reads, updates and deletes one Kubernetes object, and waits for it."""

import secrets
from typing import Any

from rehearsal.providers.kubernetes import check, diff, foresee, immutable, merge, secretfields
from rehearsal.providers.kubernetes.apierrors import ApiError, UnknownKindError, UnreachableError
from rehearsal.providers.kubernetes.connection import Connection, retry_while_unknown
from rehearsal.providers.kubernetes.imports import inputs_of
from rehearsal.providers.kubernetes.messages import refused_create, refused_update, without_cluster
from rehearsal.providers.kubernetes.objects import (
    annotation,
    meta,
    object_id,
    parse_id,
    parse_type,
    with_metadata,
)
from rehearsal.providers.plugin.drift import drift
from rehearsal.providers.plugin.model import (
    Autonaming,
    Call,
    Change,
    Checked,
    Diff,
    PartialFailureError,
    State,
    Values,
)
from rehearsal.providers.plugin.values import has_unknown, reveal

_MANAGER = "__fieldManager"
_INITIAL_VERSION = "__initialApiVersion"
_INPUTS = "__inputs"


class ObjectHandler:
    """The Handler of every kind that the API server has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        config = connection.config
        self._options = foresee.Options(
            server_side_apply=config.enable_server_side_apply, patch_force=config.enable_patch_force
        )

    # Check and diff

    def check(
        self, call: Call, olds: Values, news: Values, *, seed: bytes, autonaming: Autonaming | None
    ) -> Checked:
        """See Handler."""
        connection = self._connection
        namespace = connection.config.namespace
        token = parse_type(call.type)
        if namespace and not connection.namespaced(token.api_version, token.kind):
            namespace = ""

        def judge() -> Checked:
            return check.check(
                call,
                olds,
                news,
                seed=seed,
                autonaming=autonaming,
                find_schema=connection.find_schema,
                default_namespace=namespace,
            )

        try:
            checked = judge()
            if checked.failures and connection.renew_schemas():
                checked = judge()
        except UnknownKindError as error:
            return Checked(inputs=news, failures=[connection.explain_unknown(error)])
        connection.announce(checked.inputs)
        return checked

    def diff(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> Diff:
        """See Handler."""
        del call
        before = old.inputs or old.outputs.get(_INPUTS) or {}
        found = diff.changes(before, news, ignored)
        if immutable.asks_for_another_try(reveal(old.outputs), news):
            found.setdefault(("spec",), Change("UPDATE_REPLACE"))
        if not found:
            return Diff()
        config = self._connection.config
        namespace = self._connection.namespace
        fixed: list[Any] = diff.identity_paths(before, news, namespace)
        fixed += immutable.known_paths(
            str(news.get("apiVersion")),
            str(news.get("kind")),
            config_map_mutable=config.enable_config_map_mutable,
            secret_mutable=config.enable_secret_mutable,
        )
        found = diff.replaced(found, fixed)
        if not diff.needs_replacement(found) and not has_unknown(news) and self._connection.known:
            refused = self._refused_by_server(old, before, news)
            found = diff.replaced(found, [diff.nearest(path, found) for path in refused])
        return diff.result(found, before, news, namespace)

    def _refused_by_server(self, old: State, before: Values, news: Values) -> list[Any]:
        try:
            self._foresee_update(old, before, news)
        except ApiError as error:
            return immutable.refused_paths(error)  # any other refusal is the update's to report
        except (UnreachableError, UnknownKindError):
            return []
        return []

    # Create

    def create(self, call: Call, news: Values) -> State:
        """See Handler."""
        if call.preview:
            return self._preview_create(call, news)
        client = self._connection.client
        plain = reveal(news)
        try:
            live = retry_while_unknown(
                lambda: client.create(plain, field_manager=merge.CREATOR), call.cancelled.wait
            )
        except (ApiError, UnknownKindError) as error:
            raise refused_create(call, plain, error) from error
        manager = f"{merge.CREATOR}-{secrets.token_hex(4)}"
        return self._settle(call, news, live, manager)

    def _preview_create(self, call: Call, news: Values) -> State:
        if not self._connection.known:
            return State("", news, news)
        try:
            live = foresee.creation(self._connection.client, news)
        except ApiError as error:
            raise refused_create(call, reveal(news), error) from error
        if live is None:
            return State("", news, news)
        return State("", news, _outputs(live, news, f"{merge.CREATOR}-{secrets.token_hex(4)}"))

    def _settle(
        self,
        call: Call,
        news: Values,
        live: Values,
        manager: str,
        *,
        first: str = "",
    ) -> State:
        """Wait for the object that was just written; what exists stays in state whatever the wait brings."""
        from rehearsal.providers.kubernetes.awaiting import AwaitCancelled, AwaitFailed, await_ready

        first = first or str(live["apiVersion"])
        try:
            ready = await_ready(
                self._connection.client,
                live,
                timeout=call.timeout or 0.0,
                say=call.say,
                cancelled=call.cancelled,
            )
        except (AwaitFailed, AwaitCancelled) as error:
            last = error.live_object or live
            reasons = [error.message, *getattr(error, "reasons", [])]
            state = State(object_id(live), news, _outputs(last, news, manager, first))
            raise PartialFailureError(state, reasons) from error
        finally:
            if live.get("kind") == "CustomResourceDefinition":
                self._connection.forget_kinds()
        return State(object_id(live), news, _outputs(ready, news, manager, first))

    # Update

    def update(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> State:
        """See Handler."""
        del ignored  # the engine has put the old values of ignored paths into the inputs
        before = old.inputs or old.outputs.get(_INPUTS) or {}
        manager = _manager(old)
        first = str(old.outputs.get(_INITIAL_VERSION) or news["apiVersion"])
        try:
            if call.preview:
                if not self._connection.known or has_unknown(news):
                    guess = foresee.overlay(reveal(old.outputs), news)
                    return State(old.id, news, _outputs(guess, news, manager, first))
                live = self._foresee_update(old, before, news)
                return State(old.id, news, _outputs(live, news, manager, first))
            live = self._write_update(old, before, news, manager)
        except ApiError as error:
            raise refused_update(call, old.id, error) from error
        except UnreachableError as error:
            if not self._connection.config.skip_update_unreachable:
                raise
            call.warn(f"{error.message}; skipUpdateUnreachable is set, so this resource is left as it is")
            return old
        return self._settle(call, news, live, manager, first=first)

    def _foresee_update(self, old: State, before: Values, news: Values) -> Values:
        news = self._located(old, news)
        return foresee.update(self._connection.client, before, news, _manager(old), options=self._options)

    def _write_update(self, old: State, before: Values, news: Values, manager: str) -> Values:
        client = self._connection.client
        plain = reveal(self._located(old, news))
        try:
            live = client.get_object(plain)
        except ApiError as error:
            if not error.not_found:
                raise
            return client.create(plain, field_manager=merge.CREATOR)  # someone deleted it meanwhile
        if not self._options.server_side_apply:
            return client.replace(merge.three_way(reveal(before), plain, live), field_manager=manager)
        merge.adopt(client, live, manager)
        return client.apply(plain, field_manager=manager, force=self._options.force(plain))

    def _located(self, old: State, inputs: Values) -> Values:
        """Inputs that name the object as it is: a generated name and the default namespace included."""
        namespace, name = parse_id(old.id)
        named = inputs if meta(inputs, "name") or not name else with_metadata(inputs, name=name)
        return (
            named if meta(named, "namespace") or not namespace else with_metadata(named, namespace=namespace)
        )

    # Read

    def read(self, call: Call, known: State) -> State | None:
        """See Handler."""
        token = parse_type(call.type)
        namespace, name = parse_id(known.id)
        client = self._connection.client
        identity = {
            "apiVersion": reveal(known.inputs.get("apiVersion")) or token.api_version,
            "kind": token.kind,
            "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        }
        try:
            live = client.get_object(identity)
        except (ApiError, UnknownKindError) as error:
            if isinstance(error, UnknownKindError) or error.not_found:
                return None
            raise
        except UnreachableError as error:
            if self._connection.config.delete_unreachable:
                call.warn(f"{error.message}; deleteUnreachable is set, so this resource is taken as gone")
                return None
            raise without_cluster(error) from error
        before = known.inputs or known.outputs.get(_INPUTS) or {}
        if before:
            inputs = secretfields.mark_outputs(drift(reveal(before), reveal(known.outputs), live), before)
        else:
            inputs = secretfields.mark_inputs(inputs_of(live))
        first = str(known.outputs.get(_INITIAL_VERSION) or live["apiVersion"])
        state = State(object_id(live), inputs, _outputs(live, inputs, _manager(known), first))
        self._report_unready(state, live, refresh=bool(known.outputs))
        return state

    def _report_unready(self, state: State, live: Values, *, refresh: bool) -> None:
        if not refresh:
            return
        from rehearsal.providers.kubernetes.awaiting import readiness

        reasons = readiness(self._connection.client, live)
        if reasons:
            raise PartialFailureError(state, reasons)

    # Delete

    def delete(self, call: Call, old: State) -> None:
        """See Handler."""
        from rehearsal.providers.kubernetes.awaiting import await_deleted, propagation

        obj = self._located(old, reveal(old.outputs if old.outputs.get("kind") else old.inputs))
        try:
            client = self._connection.client
            deleted = client.delete(client.object_path(obj), propagation=propagation(obj))
        except UnknownKindError:
            return  # its definition is gone, and it with it
        except ApiError as error:
            if error.not_found:
                return
            raise
        except UnreachableError as error:
            if self._connection.config.delete_unreachable:
                call.warn(f"{error.message}; deleteUnreachable is set, so this resource is forgotten")
                return
            raise without_cluster(error) from error
        if deleted.get("kind") == obj["kind"]:
            obj = {**deleted, "metadata": {**deleted["metadata"], "annotations": _annotations(obj)}}
        await_deleted(client, obj, timeout=call.timeout or 0.0, say=call.say, cancelled=call.cancelled)
        if obj["kind"] == "CustomResourceDefinition":
            self._connection.forget_kinds()


def _annotations(obj: Values) -> Values:
    """The annotations as the program wrote them last."""
    return dict((obj.get("metadata") or {}).get("annotations") or {})


def _outputs(live: Values, inputs: Values, manager: str, first: str = "") -> Values:
    return {
        **secretfields.mark_outputs(live, inputs),
        _INPUTS: secretfields.mark_inputs(inputs),
        _INITIAL_VERSION: first or live["apiVersion"],
        _MANAGER: manager,
    }


def _manager(state: State) -> str:
    """The resource's field manager; the user may have named one."""
    named = annotation(state.inputs, "pulumi.com/patchFieldManager")
    stored = state.outputs.get(_MANAGER)
    return named or (stored if isinstance(stored, str) else "") or f"{merge.CREATOR}-{secrets.token_hex(4)}"
