import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from rehearsal import artifacts
from rehearsal.artifacts import GoProgram, Release
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.steps import StepFailed, Steps


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server's folder and its address."""
    root = tmp_path / "site"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def go_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The standard library is compiled once for all tests here."""
    return tmp_path_factory.mktemp("go")


@pytest.fixture
def paths(tmp_path: Path, go_caches: Path) -> Paths:
    made = Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run").create()
    (made.cache / "go").symlink_to(go_caches)
    return made


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example\n\ngo 1.26\n")
    (folder / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    return folder


def steps(tmp_path: Path) -> Steps:
    return Steps(logs=tmp_path / "logs", console=Console(file=io.StringIO()))


def release(root: Path, address: str, *, damage: bool = False) -> Release:
    with tarfile.open(root / "p.tar.gz", "w:gz") as archive:
        content = b"#!/bin/sh\necho official\n"
        member = tarfile.TarInfo("p/bin/p")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256((root / "p.tar.gz").read_bytes()).hexdigest()
    (root / "sums").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  p.tar.gz\n")
    if damage:
        with (root / "p.tar.gz").open("ab") as file:
            file.write(b"x")
    return Release(url=f"{address}/p.tar.gz", checksum_url=f"{address}/sums", members={"p": "p/bin/p"})


def test_the_official_release_is_taken_where_it_can_be_had(
    site: tuple[Path, str], paths: Paths, module: Path, tmp_path: Path
) -> None:
    program = GoProgram(
        name="p", module=module, packages={"p": "."}, links={"q": "p"}, releases=(release(*site),)
    )
    with steps(tmp_path).step("get") as step:
        where = artifacts.ensure(program, paths, step)
    assert "official" in (where / "p").read_text()
    assert (where / "q").resolve() == where / "p"
    assert artifacts.present(program, paths)


def test_a_checksum_that_does_not_match_is_refused_and_nothing_is_kept(
    site: tuple[Path, str], paths: Paths, module: Path, tmp_path: Path
) -> None:
    program = GoProgram(name="p", module=module, packages={"p": "."}, releases=(release(*site, damage=True),))
    with pytest.raises(BerthError, match="checksum") as refused, steps(tmp_path).step("get") as step:
        artifacts.ensure(program, paths, step)
    assert "p.tar.gz" in refused.value.message
    assert [path.name for path in paths.bin.iterdir()] == [".p.lock"], "the damaged download was kept"


def test_without_a_download_the_program_is_built(paths: Paths, module: Path, tmp_path: Path) -> None:
    missing = Release(url="http://127.0.0.1:9/p.tar.gz", checksum_url="http://127.0.0.1:9/sums", members={})
    program = GoProgram(name="p", module=module, packages={"p": "."}, releases=(missing,))
    run = steps(tmp_path)
    with run.step("get") as step:
        where = artifacts.ensure(program, paths, step)
        assert step.run([where / "p"]) == "hello\n"


def test_a_failed_build_shows_the_compiler_and_leaves_nothing(
    paths: Paths, module: Path, tmp_path: Path
) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    program = GoProgram(name="p", module=module, packages={"p": "."})
    with pytest.raises(StepFailed, match="undefined: undefined"), steps(tmp_path).step("get") as step:
        artifacts.ensure(program, paths, step)
    assert not artifacts.present(program, paths)
    assert [path.name for path in paths.bin.iterdir()] == [".p.lock"]


def test_a_changed_source_changes_the_key_and_replaces_the_old_build(
    paths: Paths, module: Path, tmp_path: Path
) -> None:
    program = GoProgram(name="p", module=module, packages={"p": "."})
    with steps(tmp_path).step("get") as step:
        old = artifacts.ensure(program, paths, step)
        (module / "main.go").write_text('package main\n\nfunc main() { println("changed") }\n')
        new = artifacts.ensure(program, paths, step)
    assert new != old
    assert not old.exists(), "the old build would stay for ever"


def test_a_broken_cache_entry_is_built_again(paths: Paths, module: Path, tmp_path: Path) -> None:
    program = GoProgram(name="p", module=module, packages={"p": "."})
    with steps(tmp_path).step("get") as step:
        where = artifacts.ensure(program, paths, step)
        whole = (where / "p").stat().st_size
        (where / "p").unlink()
        assert not artifacts.present(program, paths)
        assert (artifacts.ensure(program, paths, step) / "p").exists()
        os.truncate(where / "p", whole // 2)
        assert not artifacts.present(program, paths), "a file that was cut short must not be run"
        assert (artifacts.ensure(program, paths, step) / "p").stat().st_size == whole
