"""Docker's settings, its data's move, NVIDIA's runtime, the login, the images."""

import json

import pytest
from bringup_parts import FakeAws, ScriptedMachine

from infra.machine.program import containers
from infra.machine.program.machine import Failed


def test_settings_keep_what_was_there() -> None:
    text = containers.settings('{"dns": ["10.0.0.2"], "log-opts": {"max-size": "1m"}}', "/data/docker")
    content = json.loads(text)
    assert content["dns"] == ["10.0.0.2"]
    assert content["log-opts"] == {"max-size": "1m"}
    assert content["data-root"] == "/data/docker"
    assert containers.settings(text, "/data/docker") == text
    assert "data-root" not in json.loads(containers.settings("", None))
    with pytest.raises(Failed, match="no JSON"):
        containers.settings("{", "/data/docker")


def _docker_with_data(machine: ScriptedMachine) -> None:
    layer = machine.path("/var/lib/docker/overlay2/layer")
    layer.parent.mkdir(parents=True)
    layer.write_text("content")
    machine.path("/data/docker").mkdir(parents=True)

    def copy() -> tuple[int, str]:
        target = machine.path("/data/docker.partial")
        target.joinpath("overlay2").mkdir(parents=True)
        target.joinpath("overlay2/layer").write_text("content")
        return 0, ""

    machine.answers = {"cp -a": copy}


def test_data_that_docker_has_moves_and_stays_until_docker_runs_from_the_new_place(
    machine: ScriptedMachine,
) -> None:
    _docker_with_data(machine)
    containers.move_root(machine)
    assert machine.ran[0] == "systemctl stop docker.socket docker.service"
    assert machine.read("/data/docker/overlay2/layer") == "content"
    assert machine.read("/var/lib/docker.moved/overlay2/layer") == "content"
    assert json.loads(machine.read(containers.SETTINGS))["data-root"] == "/data/docker"
    before = len(machine.ran)
    containers.move_root(machine)
    assert len(machine.ran) == before, "a second run does nothing"


def test_a_copy_that_fails_leaves_docker_where_it_was(machine: ScriptedMachine) -> None:
    _docker_with_data(machine)
    machine.answers["cp -a"] = (1, "no space left on device")
    with pytest.raises(Failed, match="no space left"):
        containers.move_root(machine)
    assert machine.read("/var/lib/docker/overlay2/layer") == "content"
    assert machine.read(containers.SETTINGS) == ""


def test_data_that_is_on_the_volume_already_is_kept(machine: ScriptedMachine) -> None:
    _docker_with_data(machine)
    machine.write("/data/docker/overlay2/earlier", "from a snapshot")
    containers.move_root(machine)
    assert machine.read("/data/docker/overlay2/earlier") == "from a snapshot"
    assert not any(command.startswith("cp") for command in machine.ran)


def test_without_docker_only_the_settings_are_written(machine: ScriptedMachine) -> None:
    containers.move_root(machine)
    assert machine.ran == []
    assert machine.files().keys() == {"etc/docker/daemon.json"}


def test_the_runtime_is_added_once(machine: ScriptedMachine) -> None:
    def configure() -> tuple[int, str]:
        machine.write(containers.SETTINGS, '{"runtimes": {"nvidia": {}}}')
        machine.write("/etc/containerd/conf.d/99-nvidia.toml", "nvidia")
        return 0, ""

    machine.answers["nvidia-ctk"] = configure
    containers.add_runtime(machine)
    wants = "systemctl add-wants --no-reload multi-user.target docker.service"
    assert machine.ran == ["nvidia-ctk runtime configure --runtime=docker", wants]
    machine.ran.clear()
    machine.write("/etc/systemd/system/multi-user.target.wants/docker.service", "")
    containers.add_runtime(machine)
    assert machine.ran == []


def _info(root: str, *runtimes: str) -> tuple[int, str]:
    return 0, f"WARNING: no swap limit\n{' '.join((root, *runtimes))}"


def test_docker_is_restarted_only_where_it_runs_with_other_settings(machine: ScriptedMachine) -> None:
    machine.write(containers.SETTINGS, '{"data-root": "/data/docker", "runtimes": {"nvidia": {}}}')
    machine.answers["docker info"] = _info("/data/docker", "nvidia", "runc")
    containers.start(machine)
    assert not any(command.startswith("systemctl restart") for command in machine.ran)

    for stale in (_info("/var/lib/docker", "nvidia"), _info("/data/docker", "runc"), (1, "")):
        machine.answers["docker info"] = stale
        machine.answers["systemctl restart"] = lambda: (
            machine.answers.update({"docker info": _info("/data/docker", "nvidia")}) or (0, "")
        )
        containers.start(machine)
        assert "systemctl restart containerd.service docker.service" in machine.ran
        machine.ran.clear()

    machine.answers |= {"docker info": (1, ""), "systemctl restart": (0, "")}
    with pytest.raises(Failed, match="does not run with the settings"):
        containers.start(machine)


def test_the_login_is_for_root_only(machine: ScriptedMachine, aws: FakeAws) -> None:
    containers.log_in(machine, aws, "registry.example.org")  # type: ignore[arg-type]
    file = machine.path("/root/.docker/config.json")
    assert json.loads(file.read_text()) == {"auths": {"registry.example.org": {"auth": "QVdTOnNlY3JldA=="}}}
    assert file.stat().st_mode & 0o777 == 0o600


def test_only_images_that_are_missing_are_pulled(machine: ScriptedMachine) -> None:
    machine.answers["docker image inspect --format {{.Id}} a"] = (1, "")
    containers.pull(machine, ["a", "b"])
    assert [command for command in machine.ran if "pull" in command] == ["docker pull --quiet a"]
