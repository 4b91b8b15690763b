"""Creates, reads, updates and deletes any resource, by its type's entry in the table."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from rehearsal.errors import BerthError
from rehearsal.providers.aws import diff as differences
from rehearsal.providers.aws import outputs as shown
from rehearsal.providers.aws.account import Account
from rehearsal.providers.aws.api import Api, Cancelled
from rehearsal.providers.aws.check import DEFAULTED, check, covered
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.names import with_name
from rehearsal.providers.aws.schema import Schema
from rehearsal.providers.aws.table import Broken, Type
from rehearsal.providers.aws.validate import Validator
from rehearsal.providers.plugin.drift import drift
from rehearsal.providers.plugin.model import (
    Autonaming,
    Call,
    Checked,
    Diff,
    PartialFailureError,
    State,
    Values,
)
from rehearsal.providers.plugin.values import UNKNOWN, reveal

_UNFINISHED: Final = "__unfinished"
_VISIBLE_SECONDS: Final = 60
"""How long AWS may take to know everywhere what it has just made."""
Result = TypeVar("Result")


class Resource:
    """The Handler of one resource type."""

    def __init__(self, entry: Type, schema: Schema, account: Account) -> None:
        self._entry = entry
        self._schema = schema
        self._account = account

    # Check and diff

    def check(
        self, call: Call, olds: Values, news: Values, *, seed: bytes, autonaming: Autonaming | None
    ) -> Checked:
        """See Handler."""
        return check(
            self._entry,
            self._schema,
            call,
            olds,
            news,
            seed=seed,
            autonaming=autonaming,
            default_tags=self._account.settings.default_tags,
        )

    def diff(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> Diff:
        """See Handler."""
        del call
        self._account.know(old.id)
        region = {"region": old.outputs["region"]} if "region" in old.outputs else {}
        return differences.diff(self._entry, {**region, **(old.inputs or old.outputs)}, news, ignored)

    # Create

    def create(self, call: Call, news: Values) -> State:
        """See Handler."""
        if call.preview:
            return State("", news, shown.foreseen(self._schema, news))
        api = self._api(call, news)
        inputs = with_name(self._entry.autoname, _plain(news))
        with _saying(f"creating {call.type} {call.name}"):
            identity = self._make(api, inputs, _limit(call, self._entry.create_seconds))
        self._account.made(identity, *_names(inputs))
        with self._kept(call, identity, news, inputs):
            return self._finish(api, call, identity, news, inputs)

    def _make(self, api: Api, inputs: Values, seconds: float) -> str:
        """Make one thing, once, whatever becomes of the answers."""
        entry, deadline = self._entry, time.monotonic() + min(seconds, 2 * _VISIBLE_SECONDS)
        for attempt in range(10**6):
            try:
                if entry.find is None:
                    return self._known(entry.create(api, inputs))
                with self._account.lock(entry.token):
                    return self._known(entry.create(api, inputs))
            except AwsError as error:
                lost = api.lost and (error.transient or error.exists)
                found = self._adopted(api, inputs, error) if lost else None
                if found:
                    return found
                again = error.transient or self._not_yet(error) or (api.lost and error.gone)
                if not again or time.monotonic() >= deadline:
                    raise _explained(entry, error) from error
                api.pause(min(attempt, 6), f"{error.message}; trying again")
        raise AssertionError

    def _adopted(self, api: Api, inputs: Values, error: AwsError) -> str | None:
        """What an earlier attempt has made although its answer got lost."""
        if self._entry.find is None:
            return None
        named = error.exists  # then nothing else can be meant
        with self._account.lock(self._entry.token):
            found = [one for one in self._entry.find(api, inputs) if named or not self._account.knows(one)]
            return self._known(found[0]) if found else None

    def _known(self, identity: str) -> str:
        self._account.know(identity)
        return identity

    def _not_yet(self, error: AwsError) -> bool:
        """Whether a part of AWS has not heard yet of something that was made a moment ago."""
        return error.unsuitable and self._account.names_recent(error.text)

    def _finish(self, api: Api, call: Call, identity: str, news: Values, inputs: Values) -> State:
        """What belongs to a create besides the thing itself."""
        entry = self._entry
        if entry.after is not None:
            after = entry.after
            self._settled(api, lambda: after(api, identity, {}, inputs))
        self._wait(api, identity, inputs, _limit(call, entry.create_seconds))
        live = self._visible(api, identity, inputs)
        self._account.made(*_names(live))
        return State(identity, news, self._outputs(api, identity, news, inputs, live))

    def _settled(self, api: Api, action: Callable[[], Result]) -> Result:
        """Repeat what may fail because AWS does not know everywhere what was made, or an answer got lost."""
        deadline = time.monotonic() + _VISIBLE_SECONDS
        for attempt in range(10**6):
            try:
                return action()
            except AwsError as error:
                lost = error.transient or (api.lost and error.exists)
                again = lost or error.gone or self._not_yet(error)
                if not again or time.monotonic() >= deadline:
                    raise
                api.pause(min(attempt, 5), f"{error.message}; trying again")
        raise AssertionError

    def _visible(self, api: Api, identity: str, known: Values) -> Values:
        def look() -> Values:
            live = self._entry.read(api, identity, known)
            if live is None:
                raise AwsError(api.service, "read", "NotFound", f"{identity} cannot be seen yet", status=404)
            return live

        return self._settled(api, look)

    def _wait(self, api: Api, identity: str, inputs: Values, seconds: float) -> None:
        ready = self._entry.ready
        if ready is not None:
            seconds = self._entry.limit(inputs) if self._entry.limit else seconds
            api.until(seconds, lambda: self._settled(api, lambda: ready(api, identity, inputs)))

    @contextmanager
    def _kept(self, call: Call, identity: str, news: Values, inputs: Values) -> Iterator[None]:
        """Keep what exists in the state when a later step fails; what can never work goes again."""
        api = self._api(call, inputs)
        try:
            yield
        except (Broken, BerthError) as error:
            reason = f"{error.message} {error.hint}".strip() if isinstance(error, BerthError) else str(error)
            if isinstance(error, Broken) and self._removed(api, identity, inputs):
                message = f"creating {call.type} {call.name}: {identity} failed: {reason}"
                raise BerthError(message) from error
            seen = self._outputs(api, identity, news, inputs, self._glimpse(api, identity))
            raise PartialFailureError(State(identity, news, {**seen, _UNFINISHED: True}), [reason]) from error

    def _removed(self, api: Api, identity: str, inputs: Values) -> bool:
        try:
            self._remove(api, identity, inputs, self._entry.delete_seconds)
        except BerthError:
            return False
        return True

    def _glimpse(self, api: Api, identity: str) -> Values:
        """What can be seen of it, when something else went wrong already."""
        try:
            return self._entry.read(api, identity, {}) or {}
        except (BerthError, KeyError, TypeError):
            return {}

    # Update

    def update(self, call: Call, old: State, news: Values, *, ignored: list[str]) -> State:
        """See Handler."""
        entry = self._entry
        before = old.inputs or old.outputs
        if call.preview:
            return State(old.id, news, shown.overlaid(entry, old, news))
        api = self._api(call, news)
        inputs, was = self._carried(old, news), _plain(before)
        changed = {str(path[0]) for path in differences.changes(entry, before, news, ignored)}
        done: set[str] = set()
        try:
            with _saying(f"updating {call.type} {call.name} ({old.id})"):
                if _UNFINISHED in old.outputs and entry.after is not None:
                    self._settled(api, partial(entry.after, api, old.id, {}, inputs))
                self._change(api, old, was=was, inputs=inputs, changed=changed, done=done)
                self._wait(api, old.id, inputs, _limit(call, entry.update_seconds))
                live = self._visible(api, old.id, inputs)
        except (BerthError, Broken) as error:
            if not done and not isinstance(error, Broken):
                raise
            reached = {**before, **{key: news[key] for key in done if key in news}}
            reached = {key: value for key, value in reached.items() if key in news or key not in done}
            glimpse = self._glimpse(api, old.id)
            kept = State(old.id, reached, self._outputs(api, old.id, reached, _plain(reached), glimpse))
            raise PartialFailureError(kept, [str(error)]) from error
        return State(old.id, news, self._outputs(api, old.id, news, inputs, live))

    def _carried(self, old: State, news: Values) -> Values:
        """The new inputs over what is known: outputs of inputs that were dropped are not known any more."""
        dropped = set(old.inputs) - set(news) - self._entry.computed
        stored = {key: value for key, value in _plain(old.outputs).items() if key not in dropped}
        inputs = set(self._schema["inputs"])
        return {
            **{k: v for k, v in stored.items() if k not in inputs or k in self._chosen(old)},
            **_plain(news),
        }

    def _chosen(self, old: State) -> set[str]:
        """Inputs that AWS, or this provider, chose a value for."""
        auto = self._entry.autoname
        return (set(self._entry.computed) | ({auto.prop} if auto else set())) & set(old.outputs)

    def _change(
        self, api: Api, old: State, *, was: Values, inputs: Values, changed: set[str], done: set[str]
    ) -> None:
        """Call what the changed properties need; `done` gets those that are changed now."""
        entry = self._entry
        called: list[Any] = []
        for prop in (prop for prop in entry.update if prop in changed):
            function = entry.update[prop]
            if function not in called:
                self._settled(api, partial(function, api, old.id, was, inputs))
                called.append(function)
            done.add(prop)
        if entry.tags is not None and "tags" in changed:
            before, after = was.get("tags") or {}, inputs.get("tags") or {}
            dropped = [key for key in before if key not in after]
            if dropped:
                entry.tags.remove(api, old.id, _plain(old.outputs), dropped)
            wanted = {key: value for key, value in after.items() if before.get(key) != value}
            if wanted:
                entry.tags.write(api, old.id, _plain(old.outputs), wanted)
            done.add("tags")
        done |= changed & entry.local

    # Read

    def read(self, call: Call, known: State) -> State | None:
        """See Handler."""
        identity, region = _import_id(known.id)
        api = self._api(call, {"region": region} if region else known.inputs or known.outputs)
        stored = _plain(known.outputs) or _plain(known.inputs)
        with _saying(f"reading {call.type} {known.id}"):
            live = self._looked_up(api, identity, stored)
        if live is None:
            return None
        identity = live.get("id", identity)
        self._account.know(identity)
        kept = self._entry.foreign & set(stored) - set(known.inputs)
        live = {**live, **{key: stored[key] for key in kept}}
        outputs = shown.steady(
            stored, self._outputs(api, identity, known.inputs, stored, live, imported=not stored)
        )
        if not known.inputs:
            taken = covered(self._entry) & set(self._schema["inputs"])
            inputs = {key: value for key, value in outputs.items() if key in taken}
            inputs = Validator(self._schema).check(inputs)  # in the SDK's types
            inputs = {key: value for key, value in inputs.items() if value not in (None, "", [], {})}
            local = {key: value for key, value in self._entry.defaults.items() if key in self._entry.local}
            return State(identity, {**local, **inputs, DEFAULTED: []}, {**local, **outputs})
        inputs = drift(reveal(known.inputs), stored, reveal(outputs))
        inputs = {**inputs, **{key: known.inputs[key] for key in known.inputs if key.startswith("__")}}
        state = State(identity, shown.secret_like(inputs, known.inputs), outputs)
        if _UNFINISHED in known.outputs:
            reason = "its creation did not come to its end; the next update completes it"
            raise PartialFailureError(state._replace(outputs={**outputs, _UNFINISHED: True}), [reason])
        return state

    def _looked_up(self, api: Api, identity: str, stored: Values) -> Values | None:
        try:
            return self._entry.read(api, identity, stored)
        except AwsError as error:
            if error.gone or error.code in self._entry.gone:
                return None
            raise

    # Delete

    def delete(self, call: Call, old: State) -> None:
        """See Handler."""
        api = self._api(call, old.inputs or old.outputs)
        known = {**_plain(old.inputs), **_plain(old.outputs)}
        with _saying(f"deleting {call.type} {old.id}"):
            self._remove(api, old.id, known, _limit(call, self._entry.delete_seconds))

    def _remove(self, api: Api, identity: str, known: Values, seconds: float) -> None:
        entry = self._entry

        def attempt() -> str | None:
            try:
                entry.delete(api, identity, known)
            except AwsError as error:
                if error.gone or error.code in entry.gone:
                    return None
                if error.busy or error.code in entry.busy:
                    return f"still in use: {error.message}"
                raise
            return None

        def look() -> str | None:
            return (
                None if self._looked_up(api, identity, known) is None else f"waiting until {identity} is gone"
            )

        started = time.monotonic()
        api.until(seconds, attempt)
        if not entry.lasting:
            api.until(max(1.0, seconds - (time.monotonic() - started)), look)

    # Helpers

    def _api(self, call: Call, values: Values) -> Api:
        region = reveal(values.get("region"))
        return Api(
            self._account,
            self._entry.client,
            region=region if isinstance(region, str) else None,
            say=call.say,
            cancelled=call.cancelled,
        )

    def _outputs(
        self, api: Api, identity: str, news: Values, inputs: Values, live: Values, *, imported: bool = False
    ) -> Values:
        settings = self._account.settings
        merged = {**inputs, "id": identity, "region": api.region, **live}
        merged = {key: value for key, value in merged.items() if not key.startswith("__")}
        if self._entry.tags is not None:
            own = {} if imported else inputs.get("tags")
            tags = shown.without_ignored(merged.get("tags") or {}, settings, own=own)
            merged |= {"tags": tags, "tagsAll": tags}
        return shown.secret_like(merged, news, always=self._entry.secret_outputs)


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """Begin messages with what was being done."""
    try:
        yield
    except Cancelled:
        raise
    except BerthError as error:
        raise BerthError(f"{what}: {error.message}", error.hint) from error


def _plain(values: Values) -> Values:
    revealed: Values = reveal({key: value for key, value in values.items() if not key.startswith("__")})
    return {key: value for key, value in revealed.items() if value is not UNKNOWN}


def _limit(call: Call, default: float) -> float:
    return call.timeout or default


def _names(values: Values) -> list[str]:
    """What other parts of AWS call it."""
    return [str(values[key]) for key in ("arn", "name") if isinstance(values.get(key), str)]


def _import_id(identity: str) -> tuple[str, str]:
    """`id@region`, as the SDK's resources take it since version 7; the region may be left out."""
    plain, at, region = identity.rpartition("@")
    looks = region.count("-") >= 2 and region[-1:].isdigit() and "/" not in region
    return (plain, region) if at and looks else (identity, "")


def _explained(entry: Type, error: AwsError) -> BerthError:
    if not error.exists:
        return error
    kind = entry.token.rpartition(":")[2]
    return BerthError(
        error.message,
        f"This {kind} exists already and is left alone. Adopt it with the resource option import_, choose "
        "another name, or delete it.",
    )
