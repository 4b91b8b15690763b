"""Every resource type: made, seen again without a change, imported, changed, deleted, and gone."""

from importlib import import_module
from pathlib import Path

import pytest
from aws_plugin import AwsPlugin, Case, Made, resolved

from rehearsal.providers.aws.types import all_types

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
CASES: dict[str, Case] = {
    f"{name.removeprefix('cases_')}-{case.title}": case
    for name in MODULES
    for case in import_module(name).CASES
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_its_life(shared_plugin: AwsPlugin, case: Case) -> None:
    plugin = shared_plugin
    image = {"image": Made("", "image", plugin.image(), {}, {})} if "${image}" in repr(case) else {}
    needs: dict[str, Made] = {}
    for name, (token, inputs) in case.needs.items():
        needs[name] = plugin.up(token, resolved(inputs, image | needs), name)
    try:
        _live(plugin, case, image | needs)
    finally:
        for made in reversed(needs.values()):
            plugin.delete(made)
    for made in needs.values():
        left = plugin.read(made)
        assert all_types()[made.token].lasting or left is None, f"{made.id} is left"


def _live(plugin: AwsPlugin, case: Case, needs: dict[str, Made]) -> None:
    program = resolved(case.inputs, needs)
    checked = plugin.check(case.token, program)
    plugin.preview(case.token, checked)
    made = plugin.create(case.token, checked)
    try:
        made = _unchanged(plugin, made, program)
        if case.imported:
            found_by = resolved(case.import_id, needs | {"it": made}) or made.id
            _imported(plugin, case, made, found_by, program)
        if case.change:
            program = {k: v for k, v in {**program, **resolved(case.change, needs)}.items() if v is not None}
            made = _changed(plugin, made, program)
        for key, value in resolved(case.replace, needs).items():
            news = plugin.check(case.token, {**program, key: value}, made.inputs)
            assert plugin.diff(made, news).replaces, f"{key} cannot change in place"
    finally:
        plugin.delete(made)
    assert all_types()[case.token].lasting or plugin.read(made) is None, "it is gone"
    plugin.delete(made)


def _unchanged(plugin: AwsPlugin, made: Made, program: dict[str, object]) -> Made:
    """A second preview and a refresh find nothing to do."""
    again = plugin.check(made.token, program, made.inputs)
    assert plugin.diff(made, again).paths == {}
    seen = plugin.read(made)
    assert seen is not None
    assert seen.id == made.id
    assert {k: v for k, v in seen.outputs.items() if made.outputs.get(k) != v} == {}, "no drift"
    assert seen.inputs == made.inputs
    assert plugin.diff(seen, again).paths == {}
    return seen


def _imported(plugin: AwsPlugin, case: Case, made: Made, found_by: str, program: dict[str, object]) -> None:
    found = plugin.read(Made(made.token, made.name, found_by, {}, {}))
    assert found is not None
    assert found.id == made.id
    named = {**program, **{k: v for k, v in made.inputs.items() if k in made.inputs["__defaults"]}}
    asked = plugin.check(made.token, named)
    differs = {path for path in plugin.diff(found, asked).paths if path.partition(".")[0] not in case.unread}
    assert differs == set(), "an import asks for no change"


def _changed(plugin: AwsPlugin, made: Made, program: dict[str, object]) -> Made:
    news = plugin.check(made.token, program, made.inputs)
    found = plugin.diff(made, news)
    assert found.paths, "there is something to change"
    assert not found.replaces, "in place"
    plugin.update(made, news, preview=True)
    return _unchanged(plugin, plugin.update(made, news), program)
