"""One engine for all types: what happens when AWS answers late, wrongly or not at all."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.errors import BerthError
from rehearsal.providers.aws import api as api_module
from rehearsal.providers.aws.account import Account, Settings
from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.check import DEFAULTED
from rehearsal.providers.aws.crud import Resource
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.schema import Schema
from rehearsal.providers.aws.table import Autoname, Broken, Tagging, Type
from rehearsal.providers.plugin.model import Call, PartialFailureError, State

Values = dict[str, Any]
TOKEN = "aws:test/thing:Thing"
TEXT: Any = {"form": "string", "required": False}
SCHEMA: Schema = {
    "inputs": {
        **dict.fromkeys(("name", "namePrefix", "size", "place", "word", "region"), TEXT),
        "tags": {"form": {"map": "string"}, "required": False},
    },
    "outputs": ["name", "namePrefix", "size", "place", "word", "region", "tags", "tagsAll", "arn"],
    "objects": {},
}


def refused(code: str, text: str = "no", **how: Any) -> AwsError:
    return AwsError("test", "DoIt", code, text, **how)


class Cloud:
    """Things in memory; `faults` are raised by the next calls of an operation, before or after it is done."""

    def __init__(self) -> None:
        self.things: dict[str, Values] = {}
        self.calls: list[str] = []
        self.before: dict[str, list[AwsError]] = {}
        self.after: dict[str, list[AwsError]] = {}
        self.unseen = 0
        self.waiting: list[str] = []

    def _do(self, name: str, action: Callable[[], Any]) -> Any:
        self.calls.append(name)
        if self.before.get(name):
            raise self.before[name].pop(0)
        result = action()
        if self.after.get(name):
            raise self.after[name].pop(0)
        return result

    def create(self, api: Api, new: Values) -> str:
        def make() -> str:
            if any(one["name"] == new["name"] for one in self.things.values()):
                raise refused("EntityAlreadyExists")
            identity = f"t-{len(self.calls)}"
            self.things[identity] = {"size": "s", **new}
            return identity

        try:
            made: str = self._do("create", make)
        except AwsError as error:
            api.lost = api.lost or error.lost
            raise
        return made

    def read(self, api: Api, identity: str, known: Values) -> Values | None:
        if self.unseen:
            self.unseen -= 1
            return None
        found = self._do("read", lambda: self.things.get(identity))
        return dict(found) if found else None

    def change(self, api: Api, identity: str, old: Values, new: Values) -> None:
        self._do("change", lambda: self.things[identity].update(size=new.get("size")))

    def say(self, api: Api, identity: str, old: Values, new: Values) -> None:
        self._do("say", lambda: self.things[identity].update(word=new.get("word")))

    def delete(self, api: Api, identity: str, known: Values) -> None:
        def remove() -> None:
            if identity not in self.things:
                raise refused("Thing.NotFound")
            del self.things[identity]

        self._do("delete", remove)

    def ready(self, api: Api, identity: str, new: Values) -> str | None:
        if self.waiting and self.waiting[0] == "broken":
            raise Broken("it will never work")
        return self.waiting.pop(0) if self.waiting else None

    def find(self, api: Api, new: Values) -> list[str]:
        return [one for one, values in self.things.items() if values["name"] == new["name"]]

    def retag(self, api: Api, identity: str, known: Values, tags: dict[str, str]) -> None:
        self._do("tag", lambda: self.things[identity]["tags"].update(tags))

    def untag(self, api: Api, identity: str, known: Values, keys: list[str]) -> None:
        self._do("untag", lambda: [self.things[identity]["tags"].pop(key) for key in keys])

    def entry(self, **more: Any) -> Type:
        return Type(
            TOKEN,
            "test",
            create=self.create,
            read=self.read,
            delete=self.delete,
            ready=self.ready,
            find=self.find,
            update={"size": self.change, "word": self.say},
            replace_on=frozenset({"name", "namePrefix", "place"}),
            autoname=Autoname(),
            computed=frozenset({"size"}),
            tags=Tagging(write=self.retag, remove=self.untag),
            **more,
        )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(api_module, "_LONGEST_PAUSE", 0.002)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def account() -> Account:
    return Account(Settings(region="us-east-1", default_tags={"owner": "me"}))


@pytest.fixture
def resource(cloud: Cloud, account: Account) -> Resource:
    return Resource(cloud.entry(), SCHEMA, account)


def call(**more: Any) -> Call:
    return Call(urn=f"urn::{TOKEN}::it", type=TOKEN, name="it", **more)


def checked(resource: Resource, news: Values, olds: Values | None = None) -> Values:
    done = resource.check(call(), olds or {}, news, seed=b"s", autonaming=None)
    assert not done.failures
    return done.inputs


def made(resource: Resource, news: Values) -> State:
    return resource.create(call(), checked(resource, news))


LOST = refused("NoAnswer", lost=True)


def test_a_create_whose_answer_got_lost_is_not_done_twice(cloud: Cloud, resource: Resource) -> None:
    cloud.after["create"] = [LOST]
    state = made(resource, {"name": "n"})
    assert list(cloud.things) == [state.id]
    assert cloud.calls.count("create") == 1


def test_a_create_that_was_not_done_is_done_again(cloud: Cloud, resource: Resource) -> None:
    cloud.before["create"] = [LOST, refused("InternalError", status=500)]
    state = made(resource, {"name": "n"})
    assert list(cloud.things) == [state.id]


def test_a_twin_of_the_same_program_is_not_taken_over(
    cloud: Cloud, resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "find", lambda api, new: list(cloud.things))
    monkeypatch.setattr(resource, "_entry", cloud.entry())
    first = made(resource, {"name": "a"})
    cloud.before["create"] = [LOST]
    assert made(resource, {"name": "b"}).id != first.id


def test_a_stranger_of_the_same_name_is_left_alone(cloud: Cloud, resource: Resource) -> None:
    cloud.things["theirs"] = {"name": "n"}
    with pytest.raises(BerthError, match="EntityAlreadyExists") as raised:
        made(resource, {"name": "n"})
    assert "import_" in raised.value.hint


def test_what_aws_does_not_see_yet_is_waited_for(cloud: Cloud, resource: Resource) -> None:
    cloud.unseen = 3
    assert made(resource, {"name": "n"}).outputs["name"] == "n"


def test_what_names_something_just_made_is_tried_again(cloud: Cloud, resource: Resource) -> None:
    first = made(resource, {"name": "role-1"})
    cloud.before["create"] = [
        refused("InvalidParameterValue", "Invalid instance profile role-1", status=400),
        refused("InvalidThing.NotFound", f"{first.outputs['name']} does not exist", status=400),
    ]
    made(resource, {"name": "n"})
    cloud.before["create"] = [refused("InvalidThing.NotFound", "t-old does not exist", status=400)]
    with pytest.raises(BerthError, match="t-old does not exist"):
        made(resource, {"name": "m"})


def test_what_is_made_but_not_ready_stays_in_the_state(cloud: Cloud, resource: Resource) -> None:
    cloud.waiting = ["still pending"] * 1000
    with pytest.raises(PartialFailureError) as raised:
        resource.create(call(timeout=0.01), checked(resource, {"name": "n"}))
    assert raised.value.state.id in cloud.things
    assert raised.value.state.outputs["name"] == "n"
    assert "still pending" in raised.value.reasons[0]


def test_what_was_left_out_of_a_create_is_done_by_the_next_update(cloud: Cloud, account: Account) -> None:
    resource = Resource(cloud.entry(after=cloud.say), SCHEMA, account)
    cloud.before["say"] = [refused("AccessDenied", status=403)]
    with pytest.raises(PartialFailureError) as raised:
        made(resource, {"name": "n", "word": "w"})
    kept = raised.value.state
    with pytest.raises(PartialFailureError):
        resource.read(call(), kept)
    after = resource.update(call(), kept, kept.inputs, ignored=[])
    assert cloud.things[kept.id]["word"] == "w"
    assert resource.read(call(), after) is not None


def test_a_change_whose_answer_got_lost_is_repeated(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n", "size": "1"})
    cloud.after["change"] = [LOST]
    resource.update(call(), state, checked(resource, {"name": "n", "size": "2"}, state.inputs), ignored=[])
    assert cloud.things[state.id]["size"] == "2"


def test_the_region_that_it_is_in_anyway_is_no_change(resource: Resource) -> None:
    state = made(resource, {"name": "n"})
    named = checked(resource, {"name": "n", "region": "us-east-1"}, state.inputs)
    assert not resource.diff(call(), state, named, ignored=[]).changes
    other = checked(resource, {"name": "n", "region": "eu-west-1"}, state.inputs)
    assert resource.diff(call(), state, other, ignored=[]).changes["region"].replaces


def test_what_will_never_be_ready_goes_again(cloud: Cloud, resource: Resource) -> None:
    cloud.waiting = ["broken"]
    with pytest.raises(BerthError, match="it will never work"):
        made(resource, {"name": "n"})
    assert not cloud.things


def test_a_cancelled_wait_keeps_what_was_made(cloud: Cloud, resource: Resource) -> None:
    cloud.waiting = ["still pending"] * 10**6
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(PartialFailureError, match="cancelled"):
        resource.create(call(cancelled=cancelled), checked(resource, {"name": "n"}))
    assert len(cloud.things) == 1


def test_only_what_changed_is_changed(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n", "size": "1", "word": "w", "tags": {"a": "b", "c": "d"}})
    cloud.calls.clear()
    news = checked(resource, {"name": "n", "size": "2", "word": "w", "tags": {"a": "x"}}, state.inputs)
    after = resource.update(call(), state, news, ignored=[])
    assert [name for name in cloud.calls if name != "read"] == ["change", "untag", "tag"]
    assert after.outputs["tagsAll"] == {"a": "x", "owner": "me"}
    assert cloud.things[state.id]["size"] == "2"


def test_an_update_that_failed_half_way_is_known_to_be_half_done(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n", "size": "1", "word": "a"})
    news = checked(resource, {"name": "n", "size": "2", "word": "b"}, state.inputs)
    cloud.before["say"] = [refused("AccessDenied", status=403)]
    with pytest.raises(PartialFailureError) as raised:
        resource.update(call(), state, news, ignored=[])
    kept = raised.value.state
    assert (kept.inputs["size"], kept.inputs["word"]) == ("2", "a")
    assert set(resource.diff(call(), kept, news, ignored=[]).changes) == {"word"}


def test_an_update_of_which_nothing_was_done_changes_no_state(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n", "size": "1"})
    cloud.before["change"] = [refused("AccessDenied", status=403)]
    with pytest.raises(BerthError, match="AccessDenied"):
        resource.update(call(), state, checked(resource, {"name": "n", "size": "2"}), ignored=[])


def test_a_delete_waits_for_what_still_uses_it_and_says_so(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n"})
    cloud.before["delete"] = [refused("DependencyViolation", "has dependencies", status=400)] * 3
    said: list[str] = []
    resource.delete(call(say=said.append), state)
    assert not cloud.things
    assert any("still in use: test:DoIt failed: DependencyViolation" in text for text in said)
    cloud.things[state.id] = {"name": "n"}
    cloud.before["delete"] = [refused("DependencyViolation", "has dependencies", status=400)] * 1000
    with pytest.raises(BerthError, match=r"gave up after 0 s: still in use: .*has dependencies"):
        resource.delete(call(timeout=0.01), state)


def test_what_is_gone_already_is_deleted(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n"})
    cloud.things.clear()
    resource.delete(call(), state)
    assert resource.read(call(), state) is None


def test_a_refresh_takes_what_others_changed(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"name": "n", "tags": {"a": "b"}})
    cloud.things[state.id] |= {"word": "theirs", "tags": {"a": "z", "owner": "me"}}
    seen = resource.read(call(), state)
    assert seen is not None
    assert seen.inputs["tags"] == {"a": "z", "owner": "me"}
    news = checked(resource, {"name": "n", "tags": {"a": "b"}}, seen.inputs)
    assert set(resource.diff(call(), seen, news, ignored=[]).changes) == {"tags.a"}


def test_an_import_knows_the_inputs(cloud: Cloud, resource: Resource) -> None:
    cloud.things["t-9"] = {"name": "n", "size": "1", "arn": "arn:t-9", "tags": {"a": "b"}}
    found = resource.read(call(), State("t-9", {}, {}))
    assert found is not None
    assert found.inputs == {
        "name": "n",
        "size": "1",
        "tags": {"a": "b"},
        "region": "us-east-1",
        DEFAULTED: [],
    }


def test_a_name_from_a_prefix_is_kept(cloud: Cloud, resource: Resource) -> None:
    state = made(resource, {"namePrefix": "web-"})
    name = cloud.things[state.id]["name"]
    assert name.startswith("web-")
    assert len(name) == len("web-") + 26
    news = checked(resource, {"namePrefix": "web-", "size": "5"}, state.inputs)
    assert resource.update(call(), state, news, ignored=[]).outputs["name"] == name


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("InsufficientInstanceCapacity", "more instance types or zones"),
        ("VcpuLimitExceeded", "quota of vCPUs"),
        ("ExpiredToken", "Renew them"),
        ("UnauthorizedOperation", "policies have to allow"),
    ],
)
def test_a_refusal_says_what_to_do(cloud: Cloud, resource: Resource, code: str, hint: str) -> None:
    cloud.before["create"] = [refused(code, status=500 if "Capacity" in code else 400)]
    with pytest.raises(BerthError, match=f"creating {TOKEN} it: test:DoIt failed: {code}") as raised:
        made(resource, {"name": "n"})
    assert hint in raised.value.hint


def test_secrets_of_inputs_are_secrets_of_outputs(resource: Resource) -> None:
    from rehearsal.providers.plugin.values import Secret

    state = made(resource, {"name": "n", "word": Secret("w"), "tags": {"a": Secret("b"), "c": "d"}})
    assert state.outputs["word"] == Secret("w")
    assert state.outputs["tags"] == {"a": Secret("b"), "c": "d", "owner": "me"}


def test_there_has_to_be_an_emulated_account(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(BerthError, match="AWS_ENDPOINT_URL is not set"):
        account.client("ec2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://ec2.us-east-1.amazonaws.com")
    with pytest.raises(BerthError, match="does not talk to the real AWS"):
        account.client("ec2")
