"""What the workflows must never do, whoever edits them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from workflow_files import CHECKOUT, WORKFLOWS, Job, jobs, parsed

JOBS = jobs()
IDS = [f"{job.file}-{job.name}" for job in JOBS]
# Looked up in each action's own repository: the commit that the tag names.
ACTIONS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
    "actions/upload-artifact": "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
    "aws-actions/configure-aws-credentials": "e6de054238d6b7531b4efff3b6587d9aade6a06c",
}
READ_AND_LOG_IN = {"contents": "read", "id-token": "write"}
PERMISSIONS = {
    "preview-account": READ_AND_LOG_IN,
    "preview-rehearsed": {"contents": "read"},
    "preview-comment": {"contents": "read", "pull-requests": "write"},
    "up-preview": READ_AND_LOG_IN,
    "up-up": READ_AND_LOG_IN,
    "drift-drift": READ_AND_LOG_IN,
    "reap-reap": READ_AND_LOG_IN,
}
EVERY_JOB = pytest.mark.parametrize("job", JOBS, ids=IDS)
EVERY_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=[path.stem for path in WORKFLOWS])


def test_there_are_the_four_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["drift", "preview", "reap", "up"]


@EVERY_WORKFLOW
def test_no_trigger_runs_a_forks_code_with_rights(path: Path) -> None:
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(parsed(path)["on"])


@EVERY_WORKFLOW
def test_rights_are_given_by_job_alone(path: Path) -> None:
    assert parsed(path)["permissions"] == {}


@EVERY_WORKFLOW
def test_actions_are_pinned_to_commits_that_were_looked_up(path: Path) -> None:
    used = re.findall(r"uses: *(\S+?)@(\S+)(.*)", path.read_text())
    assert used
    for action, commit, comment in used:
        assert ACTIONS[action] == commit
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}: the comment says which version it is"


@EVERY_WORKFLOW
def test_no_secret_is_stored(path: Path) -> None:
    assert "secrets." not in path.read_text(), "roles are assumed with the run's own token"


@EVERY_WORKFLOW
def test_no_expression_becomes_part_of_a_command(path: Path) -> None:
    for job in parsed(path)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


@EVERY_JOB
def test_a_job_has_these_rights_and_no_others(job: Job) -> None:
    assert job.permissions == PERMISSIONS[f"{job.file}-{job.name}"]


@EVERY_JOB
def test_no_job_may_both_log_in_and_write_to_the_repository(job: Job) -> None:
    writes = {name for name, right in job.permissions.items() if right == "write"}
    assert len(writes) <= 1


@EVERY_JOB
def test_the_checkouts_token_is_not_kept(job: Job) -> None:
    assert job.checkouts
    for step in job.checkouts:
        assert step["with"]["persist-credentials"] is False


@EVERY_JOB
def test_a_job_ends(job: Job) -> None:
    assert 0 < job.job["timeout-minutes"] <= 90


@EVERY_JOB
def test_only_a_repository_that_is_set_up_asks_for_a_role(job: Job) -> None:
    """Without its variable a job is skipped, or it waits for one that is."""
    if "id-token" in job.permissions and "needs" not in job.job:
        assert re.search(r"vars\.BERTH_\w+_ROLE != ''", job.job["if"])


def test_who_may_comment_runs_nothing_of_the_pull_request() -> None:
    comment = next(job for job in JOBS if job.name == "comment")
    assert [step["with"]["ref"] for step in comment.checkouts] == [
        "${{ github.event.pull_request.base.sha }}"
    ]
    assert [step["run"] for step in comment.steps if "run" in step] == [
        "python3 scripts/ci/comment.py previews/preview-*.md"
    ]


def test_forks_and_dependabot_get_a_rehearsal_instead_of_the_account() -> None:
    """`account` and `rehearsed` exclude each other: each condition of one is negated in the other."""
    preview = {job.name: job.job["if"].split() for job in JOBS if job.file == "preview"}
    negated = {"&&": "||", "==": "!=", "!=": "=="}
    assert [negated.get(word, word) for word in preview["account"]] == preview["rehearsed"]
    assert "github.repository" in preview["comment"], "a fork's token cannot comment"
    rehearsed = next(job for job in JOBS if job.name == "rehearsed")
    assert not any("credentials" in step.get("uses", "") for step in rehearsed.steps)
    assert "vars." not in str(rehearsed.job["steps"]), "nothing of the account's is handed to it"


def test_what_creates_waits_for_approval_and_what_removes_does_not() -> None:
    environments = {f"{job.file}-{job.name}": job.job.get("environment") for job in JOBS}
    assert {name: value for name, value in environments.items() if value} == {
        "up-up": "${{ matrix.environment }}",
        "reap-reap": "reap",
    }


def test_what_changes_an_account_is_never_cancelled_half_way() -> None:
    cancels = {path.stem: parsed(path)["concurrency"]["cancel-in-progress"] for path in WORKFLOWS}
    assert cancels == {"preview": True, "drift": True, "up": False, "reap": False}


def test_every_environment_of_a_workflow_has_values() -> None:
    named = {
        env for job in JOBS for env in job.job.get("strategy", {}).get("matrix", {}).get("environment", [])
    }
    assert named
    for environment in named:
        assert (CHECKOUT / "stacks" / f"Pulumi.{environment}.yaml").exists()


def test_what_the_workflows_run_is_there_and_can_be_run() -> None:
    words = {word for job in JOBS for step in job.steps for word in step.get("run", "").split()}
    for script in {word for word in words if word.startswith("scripts/") and not word.endswith(".py")}:
        assert os.access(CHECKOUT / script, os.X_OK), script


def test_zizmor_finds_nothing() -> None:
    zizmor = CHECKOUT / ".venv" / "bin" / "zizmor"
    done = subprocess.run(
        [zizmor, "--offline", "--quiet", "--persona", "auditor", CHECKOUT / ".github" / "workflows"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    text = (CHECKOUT / ".github" / "workflows" / "preview.yml").read_text()
    (tmp_path / "preview.yml").write_text(text.replace("  pull_request:", "  pull_request_target:", 1))
    zizmor = CHECKOUT / ".venv" / "bin" / "zizmor"
    done = subprocess.run(
        [zizmor, "--offline", "--quiet", tmp_path / "preview.yml"], capture_output=True, text=True
    )
    assert "dangerous-triggers" in done.stdout
    assert done.returncode > 0


def _actionlint() -> list[str]:
    """Its command, where it is built already: a unit test does not download."""
    go = shutil.which("go")
    folder = CHECKOUT / "scripts" / "ci" / "actionlint"
    command = [go or "", "-C", str(folder), "run", "github.com/rhysd/actionlint/cmd/actionlint"]
    if go is None or subprocess.run([*command, "-version"], env=_offline(), capture_output=True).returncode:
        return []
    return command


def _offline() -> dict[str, str]:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(os.environ.get("BERTH_CACHE") or Path(base) / "berth") / "go"
    return os.environ | {
        "GOMODCACHE": str(cache / "mod"),
        "GOCACHE": str(cache / "build"),
        "GOFLAGS": "-modcacherw",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }


def test_actionlint_finds_nothing() -> None:
    command = _actionlint()
    if not command:
        pytest.skip("actionlint has not been built here; ./scripts/check builds it")
    done = subprocess.run([*command, *WORKFLOWS], env=_offline(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


class _GitLab(yaml.SafeLoader):
    """GitLab's own tag is kept as a list."""


_GitLab.add_constructor("!reference", yaml.SafeLoader.construct_sequence)


def test_gitlabs_file_asks_before_it_deploys_and_stores_no_key() -> None:
    text = (CHECKOUT / "docs" / "ci" / "gitlab-ci.yml").read_text()
    pipeline = yaml.load(text, _GitLab)  # noqa: S506 - it is a safe loader
    assert [rule["when"] for rule in pipeline["up"]["rules"]] == ["manual"]
    assert "AWS_SECRET_ACCESS_KEY" not in text
    job_names = [name for name, job in pipeline.items() if "script" in job]
    with_tokens = {name for name in job_names if ".account" in str(pipeline[name].get("extends"))}
    assert with_tokens == {"preview", "up", "drift", "reap"}, "a fork's rehearsal is handed nothing"
    for name in ("preview", "comment"):
        for rule in pipeline[name]["rules"]:
            assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]
