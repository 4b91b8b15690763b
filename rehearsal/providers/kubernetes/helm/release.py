"""The resource `kubernetes:helm.sh/v3:Release`: a chart installed, upgraded and removed by Helm itself."""

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.providers.kubernetes import diff as differences
from rehearsal.providers.kubernetes.apierrors import (
    ApiError,
    KubeconfigError,
    UnknownKindError,
    UnreachableError,
)
from rehearsal.providers.kubernetes.awaiting import explanation
from rehearsal.providers.kubernetes.client import Client
from rehearsal.providers.kubernetes.helm import inputs as release_inputs
from rehearsal.providers.kubernetes.helm import program
from rehearsal.providers.kubernetes.helm.chart import fingerprint, plain
from rehearsal.providers.kubernetes.helm.program import HelmError
from rehearsal.providers.kubernetes.helm.template import capabilities
from rehearsal.providers.kubernetes.objects import parse_id
from rehearsal.providers.plugin.model import (
    Autonaming,
    Call,
    Checked,
    Diff,
    PartialFailureError,
    State,
    Values,
)
from rehearsal.providers.plugin.paths import format_path
from rehearsal.providers.plugin.values import UNKNOWN, Secret, has_unknown, reveal, secret_paths

_FIXED = (("name",), ("namespace",))
_GIVEN = "__values"


class Release:
    """The Handler of Helm releases."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    def check(
        self, call: Call, olds: Values, news: Values, *, seed: bytes, autonaming: Autonaming | None
    ) -> Checked:
        """See Handler."""
        news = {key: value for key, value in news.items() if key not in release_inputs.COMPUTED}
        failures = release_inputs.failures(news)
        if failures:
            return Checked(inputs=news, failures=failures)
        client = self._client_or_none()
        done = release_inputs.complete(
            news,
            olds,
            logical=call.name,
            seed=seed,
            namespace=client.namespace if client else "default",
            proposed=autonaming.proposed if autonaming else "",
        )
        return Checked(inputs=done, failures=release_inputs.failures(done))

    def _client_or_none(self) -> Client | None:
        """None in a preview before the cluster exists."""
        try:
            return self._client()
        except KubeconfigError:
            return None

    def diff(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> Diff:
        """See Handler."""
        del call
        before = old.inputs or _inputs_of(old.outputs)
        found = differences.replaced(differences.changes(before, news, ignored), _FIXED)
        return Diff(changes={format_path(path): change for path, change in found.items()})

    def create(self, call: Call, news: Values) -> State:
        """See Handler."""
        if call.preview:
            return self._foresee(call, "", news)
        return self._write(call, "install", news, before=None)

    def update(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> State:
        """See Handler."""
        del ignored
        if call.preview:
            return self._foresee(call, old.id, news)
        return self._write(call, "upgrade", news, before=old)

    def read(self, call: Call, known: State) -> State | None:
        """See Handler."""
        namespace, name = parse_id(known.id)
        if not namespace:
            raise BerthError(f"{known.id!r} is no id of a Release", "It is NAMESPACE/NAME.")
        try:
            found = self._helm(call, {"action": "status", "name": name, "namespace": namespace})
        except HelmError as error:
            if error.kind == "not-found":
                return None
            raise
        release = found["release"]
        before = known.inputs or _inputs_of(known.outputs)
        inputs = _drifted(known, before, release) if before else _imported(release)
        return State(known.id, inputs, self._outputs(inputs, release))

    def delete(self, call: Call, old: State) -> None:
        """See Handler."""
        inputs = old.inputs or _inputs_of(old.outputs)
        namespace, name = parse_id(old.id)
        asked = {
            "action": "uninstall",
            "name": name,
            "namespace": namespace,
            "disableHooks": plain(inputs.get("disableWebhooks"), default=False),
            "wait": release_inputs.waits(inputs),
            "timeoutSeconds": _seconds(call, inputs),
        }
        self._helm(call, asked)

    def _foresee(self, call: Call, identity: str, news: Values) -> State:
        """Render the chart, so that a mistake in it or in its values shows in the preview."""
        outputs = {**news, "status": UNKNOWN, "resourceNames": UNKNOWN}
        if has_unknown(news):
            return State(identity, news, outputs)
        asked = {
            **release_inputs.request(news),
            **capabilities(self._client_or_none()),
            "action": "template",
        }
        for cluster_only in ("wait", "timeoutSeconds", "createNamespace"):
            asked.pop(cluster_only, None)
        answer = program.call(asked, say=call.say, cancelled=call.cancelled)
        outputs["resourceNames"] = self._names(answer.get("objects") or [], plain(news["namespace"]))
        return State(identity, news, outputs)

    def _write(self, call: Call, action: str, news: Values, *, before: State | None) -> State:
        asked = {**release_inputs.request(news), "action": action, "timeoutSeconds": _seconds(call, news)}
        if not asked.get("reuseValues"):
            asked["resetValues"] = True  # else Helm keeps the old values where the program has removed all
        identity = f"{asked['namespace']}/{asked['name']}"
        try:
            if before is not None and _never_worked(before):
                self._helm(call, {**_only(asked, "name", "namespace"), "action": "uninstall"})
                asked["action"], before = "install", None
            answer = self._helm(call, asked)
        except HelmError as error:
            if error.release is None:
                raise BerthError(f"Helm could not {asked['action']} {identity}: {error.message}") from error
            reasons = [_in_words(error.message, asked), *self._explain(error.release)]
            if plain(news.get("atomic"), default=False):
                raise self._undo(call, asked, before, reasons) from error
            raise PartialFailureError(
                State(identity, news, self._outputs(news, error.release)), reasons
            ) from error
        return State(identity, news, self._outputs(news, answer["release"]))

    def _undo(
        self, call: Call, asked: dict[str, Any], before: State | None, reasons: list[str]
    ) -> BerthError:
        """Remove a release that failed, or return to the revision before; the error says what happened."""
        call = replace(call, cancelled=threading.Event())  # a cancelled run is cleaned up after, too
        target = {**_only(asked, "name", "namespace", "timeoutSeconds"), "wait": True}
        if before is None:
            target |= {"action": "uninstall"}
        else:
            target |= {"action": "rollback", "cleanupOnFail": True}
        what = f"the Helm release {asked['namespace']}/{asked['name']} failed: {reasons[0]}"
        try:
            self._helm(call, target)
        except HelmError as error:
            return BerthError(what, "\n".join([*reasons[1:], f"`atomic` could not undo it: {error.message}"]))
        done = "removed" if before is None else "returned to its previous revision"
        return BerthError(f"{what}; it was {done}, as `atomic` asks", "\n".join(reasons[1:]))

    def _explain(self, release: dict[str, Any] | None) -> list[str]:
        """Why objects of a release are not ready, with events and log lines."""
        if not release:
            return []
        client = self._client()
        reasons = []
        for obj in release.get("objects") or []:
            meta = {"namespace": release["namespace"], **(obj.get("metadata") or {})}
            with contextlib.suppress(ApiError, UnknownKindError, UnreachableError):
                reasons += explanation(client, client.get_object({**obj, "metadata": meta}))
        return reasons

    def _helm(self, call: Call, asked: dict[str, Any]) -> dict[str, Any]:
        with _kubeconfig(self._client()) as path:
            return program.call({**asked, "kubeconfig": path}, say=call.say, cancelled=call.cancelled)

    def _outputs(self, inputs: Values, release: dict[str, Any]) -> Values:
        fields = ("name", "namespace", "revision", "status", "chart", "version", "appVersion")
        names = self._names(release.get("objects") or [], release["namespace"])
        status = {key: release[key] for key in fields if release.get(key) not in {None, ""}}
        # what the release was given, to tell later whether somebody else changed it; values may be secret
        given = Secret(fingerprint(release.get("values") or {}))
        return {**inputs, "status": status, "resourceNames": names, _GIVEN: given}

    def _names(self, objects: list[dict[str, Any]], namespace: str) -> dict[str, list[str]]:
        client = self._client_or_none()

        def namespaced(api_version: str, kind: str) -> bool:
            try:
                return client is None or client.resource(api_version, kind).namespaced
            except (ApiError, UnknownKindError, UnreachableError):
                return True

        return release_inputs.resource_names(objects, namespace, namespaced)


@contextlib.contextmanager
def _kubeconfig(client: Client) -> Iterator[str]:
    """The client's cluster and identity as a file, for root only, for as long as Helm runs."""
    handle, path = tempfile.mkstemp(prefix="berth-helm-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(client.access.to_kubeconfig(), file)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108 - the path is text


def _seconds(call: Call, inputs: Values) -> int:
    """customTimeouts, else the release's own `timeout`."""
    return int(call.timeout or plain(inputs.get("timeout"), release_inputs.DEFAULT_TIMEOUT))


def _only(asked: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: asked[key] for key in keys}


def _in_words(message: str, asked: dict[str, Any]) -> str:
    if "context deadline exceeded" in message:
        return f"its objects were not ready within {asked['timeoutSeconds']} s ({message})"
    return message


def _inputs_of(outputs: Values) -> Values:
    return {key: value for key, value in outputs.items() if key not in {*release_inputs.COMPUTED, _GIVEN}}


def _never_worked(before: State) -> bool:
    """Whether the release failed at its first revision, which Helm cannot upgrade."""
    status = reveal(before.outputs.get("status")) or {}
    return status.get("revision") == 1 and status.get("status") in {"failed", "pending-install"}


def _drifted(known: State, before: Values, release: dict[str, Any]) -> Values:
    """The stored inputs, with the values that the release really has where somebody changed them."""
    values = release.get("values") or {}
    if plain(known.outputs.get(_GIVEN), "") in {"", fingerprint(values)}:
        return before
    hidden = any(True for _ in secret_paths(before.get("values")))
    kept = {key: value for key, value in before.items() if key != "valueYamlFiles"}
    return {**kept, "values": Secret(values) if hidden else values}


def _imported(release: dict[str, Any]) -> Values:
    return {
        "chart": release.get("chart", ""),
        "name": release["name"],
        "namespace": release["namespace"],
        "timeout": release_inputs.DEFAULT_TIMEOUT,
        "values": release.get("values") or {},
        "version": release.get("version", ""),
    }
