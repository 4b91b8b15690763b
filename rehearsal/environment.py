"""The environment variables inside a rehearsal, what of a real account they hide, and how a shell takes them.

Programs see only the standard variables that they would see with an account.
"""

import os
import re
import secrets
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rehearsal import addresses, values, workspace
from rehearsal.files import write_private
from rehearsal.paths import Paths

# Each of these reaches for, or belongs to, a real account.
REAL_ACCOUNT = re.compile(
    r"(?:AWS|GOOGLE|GCLOUD|GCP|CLOUDSDK|OS|ARM|AZURE)_\w+"
    r"|PULUMI_(?:ACCESS_TOKEN|API|BACKEND_URL|CONFIG|CONFIG_PASSPHRASE(?:_FILE)?|HOME|STACK|K8S_\w+)"
    r"|KUBECONFIG|KUBE_\w+|DOCKER_CONFIG|REGISTRY_AUTH_FILE"
)
# Without compiled modules, each of the three Python processes of a preview starts a second later.
HINDRANCES = {"PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Variables to set, among them PATH; everything else that names a real account is to be removed."""

    variables: Mapping[str, str]

    def removed(self, environ: Mapping[str, str]) -> list[str]:
        """Names in `environ` that must not be seen in a rehearsal."""
        unwanted = {n for n in environ if REAL_ACCOUNT.fullmatch(n)} | (HINDRANCES & environ.keys())
        return sorted(unwanted - self.variables.keys())

    def over(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a process in the rehearsal."""
        removed = set(self.removed(environ))
        return {n: v for n, v in environ.items() if n not in removed} | dict(self.variables)

    def exports(self, environ: Mapping[str, str]) -> str:
        """Lines for a POSIX shell's `eval`."""
        lines = [f"unset {name}" for name in self.removed(environ)]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(self.variables.items())]
        return "\n".join(lines)


def environment(
    where: Paths,
    *,
    programs: Iterable[Path],
    access_key: tuple[str, str],
    target: str = "local",
    environ: Mapping[str, str] = os.environ,
) -> Environment:
    """Everything that a process in the rehearsal needs.

    programs: directories of the engine, kubectl and the like. access_key: id and secret for AWS's APIs.
    target: whose environments the process works on.
    """
    path = _front(environ.get("PATH", os.defpath), [workspace.shims(where), *programs])
    return Environment(
        variables={
            "PATH": path,
            "PULUMI_HOME": str(where.state / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{where.state / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(where.state / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **(_of_aws(where) if target == "aws-vm" else _of_local(where)),
            "AWS_ACCESS_KEY_ID": access_key[0],
            "AWS_SECRET_ACCESS_KEY": access_key[1],
            "AWS_REGION": "us-east-1",
            # Neither a profile of the user nor the machine's own role may join in.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "REGISTRY_AUTH_FILE": str(where.state / "registry" / "auth.json"),
            "BERTH_REHEARSAL": "1",
            "BERTH_STATE": str(where.state),
            "BERTH_CACHE": str(where.cache),
            "BERTH_RUN": str(where.run),
        }
    )


def _of_local(where: Paths) -> dict[str, str]:
    return {"KUBECONFIG": str(where.kubeconfig), "AWS_ENDPOINT_URL_S3": addresses.S3_ENDPOINT}


def _of_aws(where: Paths) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": addresses.AWS_ENDPOINT,
        # Go's and Python's TLS read it: the registry's certificate is of the rehearsal's authority.
        "SSL_CERT_FILE": str(where.state / "pki" / "bundle.crt"),
        "BERTH_CHECKIP_URL": f"{addresses.AWS_ENDPOINT}/_berth/checkip",
        "BERTH_SSH_KEY": str(values.key_file(where)),
    }


def prepare(where: Paths) -> None:
    """Make what the variables point to: the backend, Pulumi's home and a random passphrase."""
    for name in ("backend", "pulumi"):
        (where.state / name).mkdir(parents=True, exist_ok=True)
    passphrase = where.state / "passphrase"
    if not passphrase.exists():
        write_private(passphrase, secrets.token_urlsafe(32))


def _front(path: str, directories: Sequence[Path]) -> str:
    first = list(dict.fromkeys(map(str, directories)))
    return os.pathsep.join([*first, *(part for part in path.split(os.pathsep) if part not in first)])
