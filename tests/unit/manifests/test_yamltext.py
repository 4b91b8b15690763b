"""YAML read as Kubernetes' own tools read it."""

from typing import Any

import pytest

from rehearsal.providers.kubernetes.yamltext import YamlError, documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:22", "22:22"),
        ("2001-12-14", "2001-12-14"),
        ("yes", True),
        ("off", False),
        ("y", True),
        ('"yes"', "yes"),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-5", -5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("", None),
        ("v1", "v1"),
        ("1.2.3", "1.2.3"),
        ("nothing", "nothing"),
        ("!!str 5", "5"),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    found = documents(f"a: {text}\n")[0]["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_and_merges_work() -> None:
    assert documents("1: a\ntrue: b\n") == [{"1": "a", "true": "b"}]
    assert documents("base: &b {q: 1, r: 2}\nm: {<<: *b, r: 3}\n")[0]["m"] == {"q": 1, "r": 3}


def test_empty_documents_are_left_out() -> None:
    assert documents("---\na: 1\n---\n# nothing\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "text", ["a: [", "- a list", "just text", "a: .nan", "? [1, 2]\n: x", "a: !!python/object:x.Y {}"]
)
def test_what_json_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        documents(text)
