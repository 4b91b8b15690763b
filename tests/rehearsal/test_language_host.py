"""The language host, asked over its own protocol, without an engine."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from rehearsal import engine
from rehearsal.paths import CHECKOUT, paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal


class Host:
    """A running language host and a client of it."""

    def __init__(self, program: Path) -> None:
        env = os.environ | {"PATH": f"{CHECKOUT}/.venv/bin:{os.environ['PATH']}"}
        # As the engine starts it: in a process group of its own, options first.
        self.process = subprocess.Popen(
            [program, "-toolchain=pip", "-unheard-of=option"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,
        )
        assert self.process.stdout
        port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.ask = language_pb2_grpc.LanguageRuntimeStub(self.channel)

    def stop(self) -> tuple[int, str]:
        self.channel.close()
        os.killpg(self.process.pid, signal.SIGINT)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return engine.ensure(paths(), Steps(tmp_path_factory.mktemp("logs"))).bin_dir / "pulumi-language-python"


@pytest.fixture
def host(program: Path) -> Iterator[Host]:
    started = Host(program)
    yield started
    if started.process.poll() is None:
        assert started.stop() == (0, "")


def info(directory: Path, **options: Any) -> language_pb2.ProgramInfo:
    settings = struct_pb2.Struct()
    settings.update(options)
    where = str(directory)
    return language_pb2.ProgramInfo(
        root_directory=where, program_directory=where, entry_point=".", options=settings
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a virtual environment that holds two SDKs and what one of them needs."""
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for name, file in (
        ("pulumi_aws", '{"resource": true, "name": "aws", "version": "7.9.0"}'),
        ("pulumi_rocket", '{"resource": true, "server": "https://example.org"}'),
        ("pulumi_component", '{"resource": false}'),
        (
            "pulumi_fly",
            """{"resource": true, "name": "terraform-provider", "version": "1.2.3",
            "parameterization": {"name": "fly", "version": "0.1.0", "value": "aGk="}}""",
        ),
    ):
        (packages / name).mkdir(parents=True)
        (packages / name / "pulumi-plugin.json").write_text(file)
    for name, headers in (
        ("pulumi_rocket-2.5.0", "Name: pulumi-rocket\nVersion: 2.5.0\nRequires-Dist: Parver>=0.2\n"),
        ("parver-0.5", 'Name: parver\nVersion: 0.5\nRequires-Dist: rich; extra == "cli"\n\nName: body\n'),
        ("rich-14.0", "Name: rich\nVersion: 14.0\n"),
    ):
        (packages / f"{name}.dist-info").mkdir()
        (packages / f"{name}.dist-info" / "METADATA").write_text(headers)
    return tmp_path


def test_it_tells_its_version(host: Host) -> None:
    assert host.ask.GetPluginInfo(empty_pb2.Empty()).version == f"v{engine.VERSION}"


def test_the_plugins_of_the_installed_sdks_are_required(host: Host, project: Path) -> None:
    request = language_pb2.GetRequiredPackagesRequest(info=info(project, virtualenv=".venv"))
    found = {(p.name, p.version): p for p in host.ask.GetRequiredPackages(request).packages}
    assert set(found) == {("aws", "7.9.0"), ("rocket", "2.5.0"), ("terraform-provider", "1.2.3")}
    assert found["rocket", "2.5.0"].server == "https://example.org"
    parameters = found["terraform-provider", "1.2.3"].parameterization
    assert (parameters.name, parameters.version, parameters.value) == ("fly", "0.1.0", b"hi")


def test_the_sdk_of_an_editable_install_counts(host: Host, project: Path, tmp_path: Path) -> None:
    local = tmp_path / "sdks" / "pulumi_local"
    local.mkdir(parents=True)
    (local / "pulumi-plugin.json").write_text('{"resource": true, "name": "local", "version": "0.0.1"}')
    packages = project / ".venv" / "lib" / "python3.11" / "site-packages"
    (packages / "local.pth").write_text(f"import os\n{local.parent}\n")
    request = language_pb2.GetRequiredPackagesRequest(info=info(project, virtualenv=".venv"))
    assert "local" in {p.name for p in host.ask.GetRequiredPackages(request).packages}


def test_dependencies_are_those_that_nothing_else_needs(host: Host, project: Path) -> None:
    def names(*, transitive: bool) -> list[str]:
        request = language_pb2.GetProgramDependenciesRequest(
            info=info(project, virtualenv=".venv"), transitiveDependencies=transitive
        )
        return [d.name for d in host.ask.GetProgramDependencies(request).dependencies]

    assert names(transitive=False) == ["pulumi-rocket", "rich"], (
        "an extra that is not asked for needs nothing"
    )
    assert names(transitive=True) == ["parver", "pulumi-rocket", "rich"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"toolchain": "conda"}, "must be pip, poetry or uv"),
        ({"typechecker": "pytype"}, "must be mypy or pyright"),
        ({"virtualenv": 7}, 'runtime option "virtualenv" must be text'),
        ({"virtualenv": "missing"}, "doesn't exist"),
    ],
)
def test_a_wrong_option_is_named(host: Host, tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        host.ask.About(language_pb2.AboutRequest(info=info(tmp_path, **options)))
    assert said in caught.value.details()


def test_new_projects_are_asked_for_their_toolchain_once(host: Host, tmp_path: Path) -> None:
    request = language_pb2.RuntimeOptionsRequest(info=info(tmp_path))
    (prompt,) = host.ask.RuntimeOptionsPrompts(request).prompts
    assert [choice.stringValue for choice in prompt.choices] == ["pip", "poetry", "uv"]
    request = language_pb2.RuntimeOptionsRequest(info=info(tmp_path, toolchain="uv"))
    assert not host.ask.RuntimeOptionsPrompts(request).prompts


def test_installing_makes_an_environment_without_pip(host: Host, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# nothing but the environment itself\n")
    request = language_pb2.InstallDependenciesRequest(info=info(tmp_path, virtualenv=".venv"))
    list(host.ask.InstallDependencies(request))
    assert (tmp_path / ".venv" / "bin" / "python").exists()
    assert not list(tmp_path.glob(".venv/lib/*/site-packages/pip"))


def test_an_installation_that_fails_says_so(host: Host, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("--no-index\nno-such-package==1\n")
    request = language_pb2.InstallDependenciesRequest(info=info(tmp_path, virtualenv=".venv"))
    said = []
    with pytest.raises(grpc.RpcError, match="failed"):
        said.extend(host.ask.InstallDependencies(request))


def plugin(tmp_path: Path, source: str) -> language_pb2.RunPluginRequest:
    (tmp_path / "__main__.py").write_text(source)
    return language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        args=["127.0.0.1:1"],
        env=["GREETING=hi"],
        info=info(tmp_path, virtualenv=sys.prefix),
    )


def test_a_plugin_runs_with_its_outputs_apart_and_its_status_kept(host: Host, tmp_path: Path) -> None:
    source = (
        "import os, sys\nprint(os.environ['GREETING'], sys.argv[1])\nsys.stderr.write('oh')\nsys.exit(7)\n"
    )
    out, errors, status = b"", b"", None
    for message in host.ask.RunPlugin(plugin(tmp_path, source)):
        out += message.stdout
        errors += message.stderr
        if message.WhichOneof("output") == "exitcode":
            status = message.exitcode
    assert (out, errors, status) == (b"hi 127.0.0.1:1\n", b"oh", 7)


def test_a_plugin_ends_when_the_engine_hangs_up(host: Host, tmp_path: Path) -> None:
    source = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('asked').touch(), sys.exit()))\n"
        "print('up', flush=True)\ntime.sleep(60)\n"
    )
    call = host.ask.RunPlugin(plugin(tmp_path, source))
    assert next(call).stdout.startswith(b"up")
    call.cancel()
    assert host.stop() == (0, "")
    assert (tmp_path / "asked").exists(), "it was asked to end, not killed"


def test_a_plugin_that_will_not_end_is_killed(program: Path, tmp_path: Path) -> None:
    host = Host(program)
    source = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    call = host.ask.RunPlugin(plugin(tmp_path, source))
    pid = int(next(call).stdout)
    assert host.stop()[0] == 0
    assert not Path(f"/proc/{pid}").exists()


def test_it_ends_when_the_engine_is_not_there(program: Path) -> None:
    host = subprocess.Popen(
        [program, "127.0.0.1:9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _, errors = host.communicate(timeout=15)
    assert (host.returncode, errors) == (0, "")


def test_it_starts_quickly(program: Path) -> None:
    assert shutil.which(str(program))
    done = subprocess.run([program, "one", "two"], capture_output=True, text=True, timeout=2, check=False)
    assert done.returncode == 1
    assert "expected one argument" in done.stderr
