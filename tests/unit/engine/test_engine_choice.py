"""Which engine is taken: one on PATH that is complete and new enough, else the release, else the build."""

from pathlib import Path

import pytest

from rehearsal import artifacts, engine
from rehearsal.paths import Paths
from rehearsal.steps import Steps

COMPLETE = (
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-analyzer-policy-python",
    "pulumi-resource-pulumi-python",
)


@pytest.fixture
def where(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()


def installed(directory: Path, version: str = "v3.230.1", beside: tuple[str, ...] = COMPLETE) -> str:
    directory.mkdir(parents=True)
    for name in ("pulumi", *beside):
        (directory / name).write_text(f"#!/bin/sh\necho {version}\n")
        (directory / name).chmod(0o755)
    return str(directory)


def test_a_complete_engine_on_path_is_taken(where: Paths, tmp_path: Path) -> None:
    search = installed(tmp_path / "usr")
    assert engine.on_path(where, search) == engine.Engine(
        bin_dir=tmp_path / "usr", version="3.230.1", origin="PATH"
    )


@pytest.mark.parametrize("version", ["v3.199.9", "v2.300.0", "nonsense"])
def test_an_old_or_strange_engine_is_not_taken(where: Paths, tmp_path: Path, version: str) -> None:
    assert engine.on_path(where, installed(tmp_path / "usr", version)) is None


@pytest.mark.parametrize("absent", COMPLETE)
def test_an_engine_without_its_host_is_not_taken(where: Paths, tmp_path: Path, absent: str) -> None:
    beside = tuple(name for name in COMPLETE if name != absent)
    assert engine.on_path(where, installed(tmp_path / "usr", beside=beside)) is None


def test_what_a_rehearsal_puts_on_path_is_not_the_machines(where: Paths) -> None:
    assert engine.on_path(where, installed(where.state / "workspace" / "bin")) is None
    assert engine.on_path(where, installed(where.cache / "bin" / "pulumi-0")) is None


def test_a_link_on_path_leads_to_the_directory_with_the_host(where: Paths, tmp_path: Path) -> None:
    installed(tmp_path / "opt")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(tmp_path / "opt" / "pulumi")
    found = engine.on_path(where, str(tmp_path / "bin"))
    assert found is not None
    assert found.bin_dir == tmp_path / "opt"


def test_the_release_brings_everything_that_the_build_brings() -> None:
    (program,) = engine.programs()
    (release,) = program.releases
    assert set(release.members) == {"pulumi", *COMPLETE}
    assert engine.VERSION in release.url
    assert engine.VERSION in release.checksum_url


def test_the_version_that_is_built_is_the_modules(where: Paths) -> None:
    (program,) = engine.programs()
    required = (program.module / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/sdk/v3 v{engine.VERSION}\n" in required
    assert any(flag.endswith(f"version.Version=v{engine.VERSION}") for flag in program.ldflags)


def test_a_downloaded_engine_is_left_as_it_is(where: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    (program,) = engine.programs()
    installed(artifacts.directory(program, where))
    found = engine.ensure(where, Steps(where.logs))
    assert (found.origin, found.version) == ("release", engine.VERSION)
    assert not list(where.logs.iterdir()), "nothing was downloaded or built"
