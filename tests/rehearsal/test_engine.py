"""The engine and its language host run Python programs, dynamic providers and policy packs."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation

from rehearsal import engine
from rehearsal.paths import CHECKOUT, paths
from rehearsal.steps import Steps

pytestmark = pytest.mark.rehearsal

PROGRAM = """
import pulumi
from pulumi import dynamic


class Shouting(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("shout", {"text": props["text"].upper()})

    def diff(self, id, old, new):
        return dynamic.DiffResult(changes=old["text"] != new["text"].upper())

    def update(self, id, old, new):
        return dynamic.UpdateResult({"text": new["text"].upper()})

    def delete(self, id, props):
        open("deleted", "w").write(props["text"])


class Shout(dynamic.Resource):
    text: pulumi.Output[str]

    def __init__(self, name, text):
        super().__init__(Shouting(), name, {"text": text})


shout = Shout("shout", pulumi.Config().require("text"))
pulumi.export("text", shout.text)
"""

POLICY = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def quiet(args, report):
    if args.props.get("text") == "curse":
        report("no cursing")


PolicyPack(
    name="manners",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy(name="quiet", description="No cursing.", validate=quiet)],
)
"""


class Project:
    """A Pulumi project in a directory of its own, with a backend in a file."""

    def __init__(self, directory: Path, found: engine.Engine, program: str, name: str = "trial") -> None:
        self.directory = directory
        self.env = os.environ | {
            "PATH": f"{found.bin_dir}:{os.environ['PATH']}",
            "PULUMI_HOME": str(directory.parent / "home"),
            "PULUMI_BACKEND_URL": f"file://{directory.parent / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        (directory / "program").mkdir(parents=True)
        for needed in ("home", "backend"):
            (directory.parent / needed).mkdir(exist_ok=True)
        options = {"toolchain": "pip", "virtualenv": sys.prefix}
        settings = {"name": name, "main": "program", "runtime": {"name": "python", "options": options}}
        (directory / "Pulumi.yaml").write_text(json.dumps(settings))
        self.write(program)

    def write(self, program: str) -> None:
        (self.directory / "program" / "__main__.py").write_text(program)

    def pulumi(self, *arguments: str, succeeds: bool = True) -> str:
        done = subprocess.run(
            ["pulumi", "--non-interactive", *arguments],
            cwd=self.directory,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def output(self, name: str, stack: str = "dev") -> object:
        return json.loads(self.pulumi("stack", "output", "--json", "-s", stack))[name]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> engine.Engine:
    return engine.ensure(paths(), Steps(tmp_path_factory.mktemp("logs")))


@pytest.fixture
def project(tmp_path: Path, found: engine.Engine) -> Callable[..., Project]:
    def make(program: str = PROGRAM, name: str = "trial", **config: str) -> Project:
        made = Project(tmp_path / name, found, program, name)
        made.pulumi("stack", "init", "dev")
        for key, value in config.items():
            made.pulumi("config", "set", key, value)
        return made

    return make


def test_the_version_is_one_that_the_automation_api_accepts(found: engine.Engine) -> None:
    version = tuple(map(int, found.version.split(".")))
    assert version >= engine.MINIMUM


def test_a_program_with_a_dynamic_provider_lives_a_whole_life(project: Callable[..., Project]) -> None:
    trial = project(text="hello")
    assert "2 to create" in trial.pulumi("preview")
    trial.pulumi("up", "--yes")
    assert trial.output("text") == "HELLO"
    assert "2 unchanged" in trial.pulumi("preview", "--expect-no-changes")

    trial.pulumi("config", "set", "text", "bye")
    assert "1 updated" in trial.pulumi("up", "--yes")
    assert trial.output("text") == "BYE"

    assert "2 deleted" in trial.pulumi("destroy", "--yes")
    assert (trial.directory / "program" / "deleted").read_text() == "BYE"


def test_secrets_stay_secret(project: Callable[..., Project]) -> None:
    trial = project("import pulumi\npulumi.export('key', pulumi.Config().require_secret('key'))\n")
    trial.pulumi("config", "set", "--secret", "key", "hunter2")
    assert "hunter2" not in trial.pulumi("up", "--yes")
    assert trial.output("key") == "[secret]"
    assert "hunter2" not in trial.pulumi("stack", "export")


def test_an_exception_shows_the_programs_lines_and_none_of_the_host(
    project: Callable[..., Project],
) -> None:
    trial = project("def wrong():\n    raise ValueError('seven is not a colour')\n\n\nwrong()\n")
    said = trial.pulumi("preview", succeeds=False)
    assert "ValueError: seven is not a colour" in said
    assert "__main__.py" in said
    assert "language-python-exec" not in said
    assert "exit code" not in said, "the error has been shown already: once is enough"


def test_a_run_error_is_shown_without_a_traceback(project: Callable[..., Project]) -> None:
    trial = project("import pulumi\nraise pulumi.RunError('choose a colour')\n")
    said = trial.pulumi("preview", succeeds=False)
    assert "error: choose a colour" in said
    assert "Traceback" not in said


def test_a_missing_virtual_environment_says_how_to_make_one(project: Callable[..., Project]) -> None:
    trial = project()
    settings = json.loads((trial.directory / "Pulumi.yaml").read_text())
    settings["runtime"]["options"]["virtualenv"] = "nowhere"
    (trial.directory / "Pulumi.yaml").write_text(json.dumps(settings))
    said = trial.pulumi("preview", succeeds=False)
    assert "nowhere" in said
    assert "doesn't exist" in said


def test_a_stack_reads_another_stacks_outputs(project: Callable[..., Project]) -> None:
    project("import pulumi\npulumi.export('address', '10.0.0.1')\n", "network").pulumi("up", "--yes")
    reader = project(
        "import pulumi\n"
        "network = pulumi.StackReference('organization/network/dev')\n"
        "pulumi.export('seen', network.require_output('address'))\n",
        "workload",
    )
    reader.pulumi("up", "--yes")
    assert reader.output("seen") == "10.0.0.1"


def test_about_names_the_interpreter_and_the_dependencies(project: Callable[..., Project]) -> None:
    about = json.loads(project().pulumi("about", "--json"))
    assert about["runtime"]["executable"].startswith(sys.prefix)
    assert "uv" in {dependency["name"] for dependency in about["dependencies"]}


def test_interrupting_a_run_ends_the_program_quietly(project: Callable[..., Project]) -> None:
    waiting = "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(120)\n"
    trial = project(waiting)
    running = subprocess.Popen(
        ["pulumi", "--non-interactive", "preview"],
        cwd=trial.directory,
        env=trial.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started = trial.directory / "program" / "started"
    until = time.monotonic() + 30
    while not started.exists() and time.monotonic() < until:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=20)
    assert running.returncode != 0
    assert "canceled" in said
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert not _processes_naming(str(trial.directory)), "nothing of the run is left"


def test_the_host_ends_when_its_engine_is_killed(project: Callable[..., Project]) -> None:
    trial = project("import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(120)\n")
    running = subprocess.Popen(
        ["pulumi", "--non-interactive", "preview"],
        cwd=trial.directory,
        env=trial.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = trial.directory / "program" / "started"
    until = time.monotonic() + 30
    while not started.exists() and time.monotonic() < until:
        time.sleep(0.1)
    running.kill()
    running.wait()
    until = time.monotonic() + 15
    while _processes_naming(str(trial.directory)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not _processes_naming(str(trial.directory))


def test_the_automation_api_drives_the_engine(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = project()
    for name in ("PATH", "PULUMI_HOME"):
        monkeypatch.setenv(name, trial.env[name])
    stack = automation.create_or_select_stack(
        "auto", work_dir=str(trial.directory), opts=automation.LocalWorkspaceOptions(env_vars=trial.env)
    )
    stack.set_config("text", automation.ConfigValue("auto"))
    assert stack.up().outputs["text"].value == "AUTO"
    changes = stack.preview().change_summary
    assert set(changes) == {automation.OpType.SAME}
    stack.destroy()


@pytest.fixture(scope="module")
def policy_pack(tmp_path_factory: pytest.TempPathFactory, found: engine.Engine) -> Path:
    """A pack whose locked libraries `pulumi install` puts into an environment of their own."""
    pack = tmp_path_factory.mktemp("policy")
    options = {"toolchain": "pip", "virtualenv": ".venv"}
    settings = {"version": "0.0.1", "runtime": {"name": "python", "options": options}}
    (pack / "PulumiPolicy.yaml").write_text(json.dumps(settings))
    (pack / "requirements.txt").write_text(f"-r {CHECKOUT}/requirements/policy.txt\n")
    (pack / "__main__.py").write_text(textwrap.dedent(POLICY))
    env = os.environ | {
        "PATH": f"{found.bin_dir}:{CHECKOUT}/.venv/bin:{os.environ['PATH']}",
        "PULUMI_HOME": str(pack / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    subprocess.run(["pulumi", "install"], cwd=pack, env=env, check=True)
    return pack


def test_a_policy_pack_lets_good_programs_pass(project: Callable[..., Project], policy_pack: Path) -> None:
    said = project(text="please").pulumi("preview", "--policy-pack", str(policy_pack))
    assert "manners@v0.0.1" in said


def test_a_policy_pack_stops_a_violation(project: Callable[..., Project], policy_pack: Path) -> None:
    said = project(text="curse").pulumi("preview", "--policy-pack", str(policy_pack), succeeds=False)
    assert "no cursing" in said


def _processes_naming(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in command:
                found.append(command)
    return found
