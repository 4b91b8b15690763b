import previews
import pytest
from steps import STACK, recording, state, step, urn

from infra.spend.preview import changes
from infra.spend.preview.reading import Step


def test_the_three_steps_of_a_replacement_are_one_change() -> None:
    found = changes.of(previews.recorded("network"))
    assert found.counts == {"replace": 30, "update": 3}
    assert len({one.urn for one in found.all}) == 33
    assert found.same == 32, "components and the provider do not count"


def test_what_asks_for_a_replacement_is_told_from_what_follows() -> None:
    (cause,) = changes.of(previews.recorded("network")).causes
    assert cause.name == "network-vpc"
    assert [(one.path, one.before, one.after) for one in cause.forced_by] == [
        ("cidrBlock", "10.42.0.0/16", "10.77.0.0/16")
    ]


def test_changes_stand_under_the_outermost_component() -> None:
    groups = changes.of(previews.recorded("create")).by_component()
    assert {one.name for one in groups["network"]} >= {"network-vpc", "network-endpoints-s3"}
    assert {one.kind for one in groups[""]} == {"berth.Image"}


def test_a_component_that_the_preview_does_not_list_still_has_its_name() -> None:
    parent = urn("berth:network:AwsNetwork", "network")
    (one,) = changes.of(recording(step("update", "aws:ec2/vpc:Vpc", parent=parent))).all
    assert one.component == "network"


def test_what_loses_data_comes_first() -> None:
    found = changes.of(
        recording(
            step("create", "aws:ec2/vpc:Vpc", name="a"),
            step("delete", "aws:ec2/instance:Instance", name="b", parent=urn("x:y:Z", "machines")),
            step("delete", "aws:ebs/volume:Volume", name="c", parent=urn("x:y:Z", "storage")),
        )
    )
    assert [one.name for one in found.all] == ["c", "b", "a"]
    assert [one.name for one in found.losses] == ["c", "b"]
    assert [one.name for one in found.lasting] == ["c"]


def test_what_an_interrupted_replacement_left_is_deleted() -> None:
    (one,) = changes.of(recording(step("delete-replaced", "aws:ec2/vpc:Vpc"))).all
    assert one.op == "delete"


@pytest.mark.parametrize(("op", "counted"), [("create", False), ("update", False), ("replace", True)])
def test_a_provider_counts_where_it_takes_its_resources_with_it(op: str, counted: bool) -> None:
    assert bool(changes.of(recording(step(op, "pulumi:providers:aws"))).all) == counted


def test_reads_refreshes_components_and_the_stack_are_no_changes() -> None:
    stack = Step(op="create", urn=STACK, old=None, new=state(STACK, parent=""))
    steps = (
        step("read", "aws:ec2/vpc:Vpc", name="read"),
        step("refresh", "aws:ec2/vpc:Vpc", name="refreshed"),
        step("create", "berth:network:AwsNetwork", custom=False),
        stack,
    )
    assert not changes.of(recording(*steps)).all


@pytest.mark.parametrize(
    ("more", "forcing"),
    [
        ({"keys": ("a",), "detailed": {"a.b": "update-replace", "a.c": "update"}}, {"a.b"}),
        ({"keys": ("a",), "detailed": {"a.b": "update"}}, {"a.b"}),
        ({"keys": ("a",), "diffs": ("a", "c")}, {"a"}),
        ({"keys": ("provider",)}, {"provider"}),
    ],
)
def test_the_property_that_forces_is_named(more: dict[str, object], forcing: set[str]) -> None:
    one = step("replace", "aws:ec2/vpc:Vpc", inputs={"a": {"b": 1}}, after={"a": {"b": 2}}, **more)
    (change,) = changes.of(recording(one)).all
    assert {prop.path for prop in change.forced_by} == forcing


def test_tags_that_only_repeat_others_are_left_out() -> None:
    detailed = {'tags["berth:owner"]': "update", 'tagsAll["berth:owner"]': "update", "__defaults": "update"}
    (one,) = changes.of(recording(step("update", "aws:ec2/vpc:Vpc", detailed=detailed))).all
    assert [prop.path for prop in one.properties] == ['tags["berth:owner"]']


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("aws:ec2/vpc:Vpc", "ec2.Vpc"),
        ("kubernetes:apps/v1:Deployment", "Deployment"),
        ("pulumi-python:dynamic/berth:Object", "berth.Object"),
        ("pulumi:providers:aws", "provider aws"),
    ],
)
def test_types_are_said_in_short(token: str, kind: str) -> None:
    assert changes.kind(token) == kind
