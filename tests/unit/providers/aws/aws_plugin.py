"""The stand-in for pulumi-aws, asked as the engine asks it, in Python values."""

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from rehearsal.providers.aws.servicer import Servicer
from rehearsal.providers.plugin import wire
from rehearsal.providers.plugin.host import Host
from rehearsal.providers.plugin.process import version_of
from rehearsal.providers.plugin.values import decode, encode

pb = wire.provider_pb2
Values = dict[str, Any]


class AbortedError(Exception):
    """The status that a call ended with."""

    def __init__(self, status: Any) -> None:
        super().__init__(status.details)
        self.status = status

    def partial(self) -> Any:
        """The resource that is kept although the call failed."""
        for key, value in self.status.trailing_metadata or ():
            if key == "grpc-status-details-bin":
                status = wire.status_pb2.Status.FromString(value)
                kept = pb.ErrorResourceInitFailed()
                status.details[0].Unpack(kept)
                return kept
        return None


class Context:
    """What gRPC hands to a servicer."""

    def abort_with_status(self, status: Any) -> None:
        raise AbortedError(status)

    def abort(self, code: Any, details: str) -> None:
        raise AssertionError(f"{code}: {details}")

    def code(self) -> None:
        return None


class Said(Host):
    """Keeps what the engine would show."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def _log(self, urn: str, text: str, severity: int, *, ephemeral: bool) -> None:
        del urn, severity, ephemeral
        self.texts.append(text)


@dataclass
class Made:
    """A resource as the engine has it in its state."""

    token: str
    name: str
    id: str
    inputs: Values
    outputs: Values


@dataclass
class Differences:
    """What Diff answered."""

    paths: dict[str, str] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    delete_first: bool = False


class AwsPlugin:
    """One configured plugin."""

    def __init__(self, **settings: Any) -> None:
        self.said = Said()
        self.servicer = Servicer(version_of("pulumi_aws"), self.said)
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        self.servicer.Configure(pb.ConfigureRequest(args=encode(settings)), Context())

    def failures(self, token: str, news: Values, olds: Values | None = None, name: str = "it") -> list[str]:
        return [failure.reason for failure in self._check(token, name, olds or {}, news).failures]

    def _check(self, token: str, name: str, olds: Values, news: Values) -> Any:
        request = pb.CheckRequest(
            urn=_urn(token, name), olds=encode(olds), news=encode(news), randomSeed=name.encode()
        )
        return self.servicer.Check(request, Context())

    def check(self, token: str, news: Values, olds: Values | None = None, name: str = "it") -> Values:
        answer = self._check(token, name, olds or {}, news)
        assert not answer.failures, [failure.reason for failure in answer.failures]
        return decode(answer.inputs)

    def diff(self, made: Made, news: Values, ignored: list[str] | None = None) -> Differences:
        request = pb.DiffRequest(
            id=made.id,
            urn=_urn(made.token, made.name),
            olds=encode(made.outputs),
            old_inputs=encode(made.inputs),
            news=encode(news),
            ignoreChanges=ignored or [],
        )
        answer = self.servicer.Diff(request, Context())
        kinds = pb.PropertyDiff.Kind.Name
        paths = {path: kinds(change.kind) for path, change in answer.detailedDiff.items()}
        return Differences(paths, list(answer.replaces), answer.deleteBeforeReplace)

    def preview(self, token: str, news: Values, name: str = "it") -> Values:
        request = pb.CreateRequest(urn=_urn(token, name), properties=encode(news), preview=True)
        return decode(self.servicer.Create(request, Context()).properties)

    def create(self, token: str, news: Values, name: str = "it", timeout: float = 0) -> Made:
        request = pb.CreateRequest(urn=_urn(token, name), properties=encode(news), timeout=timeout)
        answer = self.servicer.Create(request, Context())
        return Made(token, name, answer.id, news, decode(answer.properties))

    def up(self, token: str, news: Values, name: str = "it") -> Made:
        """Check and create."""
        return self.create(token, self.check(token, news, name=name), name)

    def read(self, made: Made) -> Made | None:
        """Refresh; with empty values, import."""
        request = pb.ReadRequest(
            id=made.id,
            urn=_urn(made.token, made.name),
            properties=encode(made.outputs),
            inputs=encode(made.inputs),
        )
        answer = self.servicer.Read(request, Context())
        if not answer.id:
            return None
        return Made(made.token, made.name, answer.id, decode(answer.inputs), decode(answer.properties))

    def update(self, made: Made, news: Values, *, preview: bool = False) -> Made:
        request = pb.UpdateRequest(
            id=made.id,
            urn=_urn(made.token, made.name),
            olds=encode(made.outputs),
            old_inputs=encode(made.inputs),
            news=encode(news),
            preview=preview,
        )
        answer = self.servicer.Update(request, Context())
        return Made(made.token, made.name, made.id, news, decode(answer.properties))

    def delete(self, made: Made, timeout: float = 20) -> None:
        request = pb.DeleteRequest(
            id=made.id,
            urn=_urn(made.token, made.name),
            properties=encode(made.outputs),
            old_inputs=encode(made.inputs),
            timeout=timeout,
        )
        self.servicer.Delete(request, Context())

    def image(self) -> str:
        """An image that the account has."""
        found = self.servicer.account.client("ec2").describe_images(Owners=["136693071363"])["Images"]
        return min(str(one["ImageId"]) for one in found if one["Architecture"] == "x86_64")

    def cancel_after(self, seconds: float) -> None:
        threading.Timer(seconds, self.servicer.cancel).start()


def _urn(token: str, name: str) -> str:
    return f"urn:pulumi:dev::trial::{token}::{name}"


Need = tuple[str, Values]


@dataclass(frozen=True)
class Case:
    """A sample of one resource type.

    In values `${name}` is the id of a need, `${name.prop}` an output of it, `${image}` an image.
    """

    token: str
    inputs: Values
    change: Values = field(default_factory=dict)
    """Inputs changed in place; None takes one away."""
    replace: Values = field(default_factory=dict)
    """Each alone needs a replacement."""
    needs: dict[str, Need] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    """Inputs that an import by id cannot know."""
    imported: bool = True
    import_id: str = ""
    """What an import takes where it is not the id; `${it}` is the id."""
    name: str = ""

    @property
    def title(self) -> str:
        return self.name or self.token.rpartition(":")[2]


def resolved(value: Any, made: dict[str, Made]) -> Any:
    """The value with references replaced."""
    if isinstance(value, dict):
        return {key: resolved(item, made) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, made) for item in value]
    if not isinstance(value, str):
        return value

    def look_up(match: re.Match[str]) -> str:
        target = made[match[1]]
        return str(target.outputs[match[2]] if match[2] else target.id)

    return re.sub(r"\$\{(\w+)(?:\.(\w+))?\}", look_up, value)
