from pathlib import Path

import pytest
import yaml
from deployed_account import VALUES

from rehearsal.errors import BerthError
from scripts.berth import values


def config(text: str) -> dict[str, object]:
    loaded = yaml.safe_load(text)["config"]
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "Pulumi.aws-vm.yaml"
    made.write_text(VALUES)
    return made


def test_a_new_key_joins_the_others_and_every_comment_stays(file: Path) -> None:
    changed = values.write(file, ("allowed_addresses",), ["203.0.113.7/32"])
    text = file.read_text()
    assert config(text) == config(VALUES) | {"berth:allowed_addresses": ["203.0.113.7/32"]}
    for line in VALUES.splitlines():
        assert line in text, "what a person wrote stays"
    assert text.index("berth:allowed_addresses") < text.index("# the end")
    assert changed == ["+  berth:allowed_addresses:", '+    - "203.0.113.7/32"']


def test_a_changed_list_is_replaced_with_its_items_alone(file: Path) -> None:
    values.write(file, ("allowed_addresses",), ["203.0.113.7/32", "203.0.113.9/32"])
    before = file.read_text()
    changed = values.write(file, ("allowed_addresses",), ["203.0.113.8/32"])
    assert changed == ['-    - "203.0.113.7/32"', '-    - "203.0.113.9/32"', '+    - "203.0.113.8/32"']
    assert len(file.read_text().splitlines()) == len(before.splitlines()) - 1
    assert values.read(file)["allowed_addresses"] == ["203.0.113.8/32"]
    assert values.write(file, ("allowed_addresses",), ["203.0.113.8/32"]) == []


def test_a_scalar_keeps_the_comment_beside_it(file: Path) -> None:
    assert values.write(file, ("target",), "local") == [
        "-  berth:target: aws-vm  # what it is",
        '+  berth:target: "local"  # what it is',
    ]


def test_a_value_inside_a_group_is_replaced_as_a_whole(file: Path) -> None:
    values.write(file, ("machine", "image"), {"id": "ami-0123456789abcdef0"})
    assert values.read(file)["machine"] == {"accelerator": "T4", "image": {"id": "ami-0123456789abcdef0"}}
    assert "# the end" in file.read_text()


def test_a_group_that_is_not_there_is_made(file: Path) -> None:
    file.write_text("config: {}\n")
    values.write(file, ("machine", "image"), {"id": "ami-1"})
    assert values.read(file) == {"machine": {"image": {"id": "ami-1"}}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "encryptionsalt: v1:x\n", "config:\n", "config: {}\n"])
def test_a_file_without_values_gets_its_first(file: Path, text: str) -> None:
    file.write_text(text)
    values.write(file, ("expires_at",), "2026-11-23T00:00:00Z")
    assert values.read(file) == {"expires_at": "2026-11-23T00:00:00Z"}
    assert text.replace("config: {}", "").replace("config:\n", "").strip() in file.read_text()


def test_what_pulumi_writes_can_be_edited_too(file: Path) -> None:
    # `pulumi config set` puts a list's items at the indentation of their key.
    file.write_text(
        'encryptionsalt: v1:x\nconfig:\n  berth:allowed_addresses:\n  - 192.0.2.1/32\n  berth:gpus: "0"\n'
    )
    values.write(file, ("allowed_addresses",), ["192.0.2.2/32"])
    assert values.read(file) == {"allowed_addresses": ["192.0.2.2/32"], "gpus": "0"}


def test_a_layout_that_cannot_be_edited_safely_is_left_alone(file: Path) -> None:
    text = "config:\n  berth:machine: {accelerator: T4, image: {id: ami-1}}\n"
    file.write_text(text)
    with pytest.raises(BerthError) as caught:
        values.write(file, ("machine", "image"), {"id": "ami-2"})
    assert 'id: "ami-2"' in caught.value.hint, "the user is told what to write"
    assert file.read_text() == text


def test_only_the_mode_and_the_rest_of_the_directory_stay(file: Path) -> None:
    file.chmod(0o640)
    values.write(file, ("owner",), "others")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("text", ["config: [", "- a\n"])
def test_a_damaged_file_is_told(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(BerthError, match=file.name):
        values.read(file)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BerthError, match="cannot be read"):
        values.read(tmp_path / "absent.yaml")
