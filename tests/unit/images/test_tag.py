"""The tag rule: it follows the content, and only the content."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("images", "workloads"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def rule(checkout: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tag", checkout / "images" / "tag.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_content_has_the_same_tag_wherever_it_lies(copy: Path) -> None:
    for image in ("train", "serve", "base-cpu"):
        printed = subprocess.run(
            [sys.executable, copy / "images" / "tag.py", image], capture_output=True, text=True, check=True
        ).stdout.strip()
        assert printed == rule(CHECKOUT).tag(image)
        assert len(printed) == 16


def test_compiled_and_editor_files_do_not_count(copy: Path) -> None:
    before = rule(copy).tag("train")
    (copy / "workloads" / "train" / "__pycache__").mkdir()
    (copy / "workloads" / "train" / "__pycache__" / "run.cpython-313.pyc").write_bytes(b"")
    (copy / "workloads" / "train" / ".run.py.swp").write_bytes(b"")
    assert rule(copy).tag("train") == before


@pytest.mark.parametrize(
    ("changed", "images"),
    [
        ("workloads/train/run.py", {"train"}),
        ("workloads/serve/app.py", {"serve"}),
        ("workloads/common/logs.py", {"train", "serve"}),
        ("images/serve/Containerfile", {"serve"}),
        ("images/base-cpu/recipe.toml", {"base-cpu", "train", "serve"}),
    ],
)
def test_a_change_gives_new_tags_to_what_it_is_in(copy: Path, changed: str, images: set[str]) -> None:
    names = ("base-cpu", "train", "serve")
    before = {name: rule(copy).tag(name) for name in names}
    with (copy / changed).open("a") as file:
        file.write("# changed\n")
    assert {name for name in names if rule(copy).tag(name) != before[name]} == images


def test_another_base_is_another_image() -> None:
    assert rule(CHECKOUT).tag("train", f"pytorch@sha256:{'0' * 64}") != rule(CHECKOUT).tag("train")


@pytest.mark.parametrize("base", ["pytorch", "pytorch:latest", "pytorch:2.10.0", "pytorch@sha256:0"])
def test_a_base_that_may_change_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="not pinned"):
        rule(CHECKOUT).tag("train", base)


def test_an_unknown_image_is_refused(copy: Path) -> None:
    done = subprocess.run(
        [sys.executable, copy / "images" / "tag.py", "nothing"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "there is no image 'nothing'" in done.stderr
