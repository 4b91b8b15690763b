"""Owns the directory in which a rehearsal's Pulumi works, and the `pulumi` that leads there.

Pulumi writes an encryption salt into a stack's values file, and a values file may name a real account's key
service. So a rehearsal works in `<state>/workspace/<hash of the checkout>`: copies of Pulumi.yaml and of the
values, whose secrets are the rehearsal's own, beside links to everything else. The checkout is never written.
"""

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rehearsal import values
from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT, Paths, paths

OWN_SETTINGS = re.compile(r"^(?:secretsprovider|encryptedkey|encryptionsalt):.*\n?", re.MULTILINE)
# A value that a real account's key encrypted, in block or flow style: unreadable here, so it is left out.
ENCRYPTED = re.compile(r"^ +\S+:(?: *\n +secure:.*| *\{ *secure:.*\})\n?", re.MULTILINE)
CONFIG_DIR = re.compile(r"^stackConfigDir:.*\n?", re.MULTILINE)
UNLINKED = {"Pulumi.yaml", ".git", "values", ".bin", ".checkout"}

SHIM = """\
#!/bin/sh
# Written by berth. Inside the checkout, Pulumi works in the rehearsal's copy of the project.
checkout={checkout} workspace={workspace} engine={engine} python={python}

for argument; do
    case $argument in -C | -C?* | --cwd | --cwd=*) exec "$engine" "$@" ;; esac
done
here=$(pwd -P)
while [ "$here" != / ] && [ ! -e "$here/Pulumi.yaml" ] && [ ! -e "$here/Pulumi.yml" ]; do
    here=$(dirname "$here")
done
[ "$here" = "$checkout" ] || exec "$engine" "$@"

for file in "$checkout/Pulumi.yaml" "$checkout"/stacks/Pulumi.*.yaml; do
    if ! cmp -s "$file" "$workspace/.checkout/${{file##*/}}"; then
        "$python" -I -m rehearsal.workspace || exit
        break
    fi
done

absolute() {{
    case $1 in /* | - | '') printf %s "$1" ;; *) printf %s "$PWD/$1" ;; esac
}}
left=$# path=
while [ "$left" -gt 0 ]; do
    argument=$1 left=$((left - 1))
    shift
    if [ -n "$path" ]; then
        argument=$(absolute "$argument") path=
    else
        case $argument in
        --file | --plan | --save-plan | --policy-pack | --policy-pack-config | --config-file | --event-log)
            path=next ;;
        --file=* | --plan=* | --save-plan=* | --policy-pack=* | --policy-pack-config=* | \\
            --config-file=* | --event-log=*)
            argument=${{argument%%=*}}=$(absolute "${{argument#*=}}") ;;
        esac
    fi
    set -- "$@" "$argument"
done
exec "$engine" -C "$workspace" "$@"
"""


def location(where: Paths, checkout: Path = CHECKOUT) -> Path:
    """The workspace of a checkout."""
    return where.state / "workspace" / hashlib.sha256(os.fsencode(checkout)).hexdigest()[:12]


def shims(where: Paths, checkout: Path = CHECKOUT) -> Path:
    """The directory to be first on PATH: `pulumi` and `berth`."""
    return location(where, checkout) / ".bin"


def environments(checkout: Path = CHECKOUT) -> list[str]:
    """Names of the environments that have a values file."""
    files = (checkout / "stacks").glob("Pulumi.*.yaml")
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)


def known(name: str, checkout: Path = CHECKOUT) -> str:
    """The name itself.

    Raises:
        BerthError: no environment has it; the hint lists those that exist.
    """
    names = environments(checkout)
    if name not in names:
        raise BerthError(
            f"there is no environment {name!r}",
            f"The environments are: {', '.join(names) or 'none'}. "
            "Each is a values file stacks/Pulumi.<environment>.yaml.",
        )
    return name


def rehearsed_values(committed: str, copy: str) -> str:
    """A values file for the rehearsal: the committed one with the secrets settings of its present copy."""
    own = "".join(line if line.endswith("\n") else f"{line}\n" for line in OWN_SETTINGS.findall(copy))
    return own + ENCRYPTED.sub("", OWN_SETTINGS.sub("", committed))


def rehearsed_project(committed: str) -> str:
    """Pulumi.yaml with the values directory of the workspace."""
    return f"{CONFIG_DIR.sub('', committed).rstrip()}\nstackConfigDir: values\n"


def refresh(where: Paths, checkout: Path = CHECKOUT) -> Path:
    """Bring the workspace up to date with the checkout; returns it.

    A copy that `pulumi config set` changed stays as it is until the checkout's file changes.
    """
    project = checkout / "Pulumi.yaml"
    if not project.is_file():
        raise BerthError(f"{project} is missing", "Restore it with `git checkout -- Pulumi.yaml`.")
    workspace = location(where, checkout)
    for name in ("values", ".bin", ".checkout"):
        (workspace / name).mkdir(parents=True, exist_ok=True)
    _link(workspace, checkout)
    _copy(workspace, project, workspace / "Pulumi.yaml", lambda text, _: rehearsed_project(text))
    committed = {file.name: file for file in (checkout / "stacks").glob("Pulumi.*.yaml")}
    for file in committed.values():
        own = _personal(where, file.read_text())
        _copy(workspace, file, workspace / "values" / file.name, partial(_rehearsed, own), own)
    for base in (workspace / ".checkout").glob("Pulumi.*.yaml"):
        if base.name not in committed:
            (workspace / "values" / base.name).unlink(missing_ok=True)
            base.with_suffix(".personal").unlink(missing_ok=True)
            base.unlink()
    return workspace


def changed_values(where: Paths, name: str, checkout: Path = CHECKOUT) -> bool:
    """Whether `pulumi config set` made an environment's copy differ from the checkout's values."""
    copy = location(where, checkout) / "values" / f"Pulumi.{name}.yaml"
    import yaml

    try:
        text = copy.read_text()
        committed = (checkout / "stacks" / copy.name).read_text()
    except OSError:
        return False
    wanted = _rehearsed(_personal(where, committed), committed, text)
    return _as_text(yaml.safe_load(text)) != _as_text(yaml.safe_load(wanted))


def _personal(where: Paths, committed: str) -> dict[str, object]:
    return values.personal(where) if values.target_in(committed) in values.WITH_PERSONAL_VALUES else {}


def _rehearsed(own: Mapping[str, object], committed: str, copy: str) -> str:
    return rehearsed_values(values.added(committed, own), copy)


def _as_text(value: object) -> object:
    """A value with every scalar as text: Pulumi lays a file that it writes out anew, and quotes numbers."""
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def install_shims(where: Paths, engine: Path, checkout: Path = CHECKOUT) -> Path:
    """Write the `pulumi` that leads to the workspace, and a link to `berth`; returns their directory."""
    directory = shims(where, checkout)
    directory.mkdir(parents=True, exist_ok=True)
    text = SHIM.format(
        checkout=shlex.quote(str(checkout)),
        workspace=shlex.quote(str(location(where, checkout))),
        engine=shlex.quote(str(engine)),
        python=shlex.quote(str(checkout / ".venv" / "bin" / "python")),
    )
    shim = directory / "pulumi"
    if not shim.exists() or shim.read_text() != text:
        partial = directory / ".pulumi.partial"
        partial.write_text(text)
        partial.chmod(0o755)
        partial.replace(shim)
    _point(directory / "berth", checkout / ".venv" / "bin" / "berth")
    return directory


def _copy(
    workspace: Path,
    source: Path,
    target: Path,
    transform: Callable[[str, str], str],
    own: Mapping[str, object] | None = None,
) -> None:
    """Write the target where the source, or what the rehearsal adds to it, is not what it was made from."""
    committed, added = source.read_text(), json.dumps(own or {}, sort_keys=True)
    base = workspace / ".checkout" / source.name
    kept = base.with_suffix(".personal")
    copy = target.read_text() if target.exists() else ""
    same = base.exists() and base.read_text() == committed
    if copy and same and (kept.read_text() if kept.exists() else "{}") == added:
        return
    target.write_text(transform(committed, copy))
    base.write_text(committed)
    if own:
        kept.write_text(added)


def _link(workspace: Path, checkout: Path) -> None:
    wanted = {entry.name: entry for entry in checkout.iterdir() if entry.name not in UNLINKED}
    for link in workspace.iterdir():
        if link.is_symlink() and link.name not in wanted:
            link.unlink()
    for name, entry in wanted.items():
        _point(workspace / name, entry)


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


if __name__ == "__main__":
    try:
        refresh(paths())
    except BerthError as error:
        sys.exit(f"error: {error.message}\n{error.hint}")
