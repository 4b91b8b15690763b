import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from rehearsal.paths import CHECKOUT
from scripts.berth.pending.aws_types import LOOKUPS, REPEATABLE

GRAPHS = sorted((CHECKOUT / "tests" / "golden").glob("*.yaml"))


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda file: file.stem)
def test_every_type_of_an_environment_is_in_the_table(graph: Path) -> None:
    kinds = set(re.findall(r"^  ((?:aws|pulumi-python):\S+) ", graph.read_text(), re.MULTILINE))
    assert kinds - LOOKUPS.keys() - REPEATABLE.keys() == set()


@pytest.mark.parametrize("kind", sorted(LOOKUPS))
def test_a_lookup_asks_and_reads_what_the_service_knows(kind: str) -> None:
    lookup = LOOKUPS[kind]
    service = botocore.session.get_session().get_service_model(lookup.service)
    named = {xform_name(name): name for name in service.operation_names}
    operation = service.operation_model(named[lookup.operation])
    parameters = {name.removesuffix("[]") for name in lookup.params}
    parameters |= {lookup.filter_parameter} if lookup.filters else set()
    assert operation.input_shape is not None
    assert operation.output_shape is not None
    assert parameters <= operation.input_shape.members.keys()
    row = operation.output_shape
    for part in filter(None, lookup.at.split("[].")):
        row = row.members[part]
        row = row.member if row.type_name == "list" else row
    fields = {path.partition(".")[0] for path in (*lookup.same, *lookup.fixed)}
    fields |= {lookup.id} if isinstance(lookup.id, str) else set()
    fields |= {lookup.tagged} if lookup.tagged and lookup.own_tags is None else set()
    assert fields <= row.members.keys()
    if lookup.own_tags is not None:
        asked, parameter, field, answer = lookup.own_tags
        tags = service.operation_model(named[asked])
        assert tags.input_shape is not None
        assert tags.output_shape is not None
        assert parameter in tags.input_shape.members
        assert answer in tags.output_shape.members
        assert field in row.members


def test_nothing_is_looked_up_and_made_again() -> None:
    assert LOOKUPS.keys() & REPEATABLE.keys() == set()
