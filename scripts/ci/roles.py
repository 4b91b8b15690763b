"""`python -m scripts.ci.roles ENV …`: the AWS roles of an environment's pipeline, as files and commands.

It fills in the documents of docs/ci/aws and prints the commands that create the roles; it calls nothing.
`preview` reads, `reap` also removes what is the environment's own, `up` also creates.

https://docs.github.com/en/actions/reference/security/oidc
https://docs.gitlab.com/ci/cloud_services/aws/
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

TEMPLATES = Path(__file__).resolve().parents[2] / "docs" / "ci" / "aws"
POLICIES: dict[str, tuple[str, ...]] = {
    "preview": ("preview",),
    "reap": ("preview", "reap"),
    "up": ("preview", "reap", "up"),
}
# Which runs each role trusts, after the repository's prefix. Pull requests get nothing but `preview`.
SUBJECTS: dict[str, dict[str, tuple[str, ...]]] = {
    "github": {
        "preview": ("pull_request", "ref:refs/heads/main"),
        "reap": ("environment:reap",),
        "up": ("environment:{environment}",),
    },
    "gitlab": {
        "preview": ("ref_type:branch:ref:*",),
        "reap": ("ref_type:branch:ref:main",),
        "up": ("ref_type:branch:ref:main",),
    },
}


def documents(forge: str, prefix: str, filled: dict[str, str]) -> dict[str, str]:
    """Every document by its file's name. prefix: of the subjects. filled: by the templates' words."""
    found = {f"{name}.json": _filled(TEMPLATES / f"{name}.json", filled) for name in POLICIES}
    for role, subjects in SUBJECTS[forge].items():
        trust = json.loads(_filled(TEMPLATES / f"trust-{forge}.json", filled))
        (condition,) = trust["Statement"][0]["Condition"]["StringLike"].values()
        condition[:] = [f"{prefix}:{one.format(environment=filled['ENVIRONMENT'])}" for one in subjects]
        found[f"trust-{role}.json"] = json.dumps(trust, indent=2) + "\n"
    return found


def commands(environment: str, account: str, folder: Path) -> list[str]:
    """What makes policies and roles out of the files. Managed policies: inline ones are too short."""
    lines = [
        f"aws iam create-policy --policy-name berth-{environment}-{name} "
        f"--policy-document {shlex.quote(f'file://{folder}/{name}.json')}"
        for name in POLICIES
    ]
    for role, policies in POLICIES.items():
        lines.append(
            f"aws iam create-role --role-name berth-{environment}-{role} --max-session-duration 7200 "
            f"--assume-role-policy-document {shlex.quote(f'file://{folder}/trust-{role}.json')}"
        )
        lines += [
            f"aws iam attach-role-policy --role-name berth-{environment}-{role} "
            f"--policy-arn arn:aws:iam::{account}:policy/berth-{environment}-{name}"
            for name in policies
        ]
    return lines


def _filled(template: Path, filled: dict[str, str]) -> str:
    text = template.read_text()
    for word, value in filled.items():
        text = text.replace(word, value)
    return text


def write(
    environment: Annotated[str, typer.Argument(metavar="ENV")],
    *,
    prefix: Annotated[
        str,
        typer.Option(help="How subjects begin: repo:OWNER@ID/REPO@ID, or project_path:GROUP/PROJECT."),
    ],
    account: Annotated[str, typer.Option(help="The AWS account's number.")],
    region: Annotated[str, typer.Option(help="The environment's region.")],
    state_bucket: Annotated[str, typer.Option(help="The bucket of Pulumi's state.")],
    state_key: Annotated[str, typer.Option(help="ARN of the KMS key of its secrets.")],
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path("ci-roles"),
) -> None:
    """Write the documents and print the commands that make roles of them."""
    filled = {
        "STATE_BUCKET": state_bucket,
        "STATE_KEY": state_key,
        "ENVIRONMENT": environment,
        "ACCOUNT": account,
        "REGION": region,
    }
    folder.mkdir(parents=True, exist_ok=True)
    forge = "github" if prefix.startswith("repo:") else "gitlab"
    for name, text in documents(forge, prefix, filled).items():
        (folder / name).write_text(text)
    print(*commands(environment, account, folder), sep="\n")


if __name__ == "__main__":
    typer.run(write)
