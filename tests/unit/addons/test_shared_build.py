"""The modules of the add-ons take the versions that Kubernetes does, so that common packages compile once."""

from pathlib import Path

import pytest

from rehearsal.artifacts import GoProgram
from rehearsal.cluster.addons.programs import CONTROLLERS, COREDNS
from rehearsal.cluster.software import KUBERNETES_PROGRAM


def versions(module: Path) -> dict[str, str]:
    """Module path to the version that a build takes, replacements applied."""
    required: dict[str, str] = {}
    replaced: dict[str, str] = {}
    for line in (module / "go.mod").read_text().splitlines():
        words = line.removeprefix("require ").removeprefix("replace ").split()
        if "=>" in words:
            replaced[words[0]] = words[-1]
        elif len(words) > 1 and words[1].startswith("v"):
            required[words[0]] = words[1]
    return required | {path: version for path, version in replaced.items() if path in required}


@pytest.mark.parametrize("program", [CONTROLLERS, COREDNS], ids=lambda program: program.name)
def test_versions_agree_with_those_of_kubernetes(program: GoProgram) -> None:
    ours = versions(program.module)
    theirs = versions(KUBERNETES_PROGRAM.module)
    assert len(ours.keys() & theirs.keys()) > 25, "the files were not understood"
    differing = {
        path: (version, theirs[path])
        for path, version in ours.items()
        if theirs.get(path, version) != version
    }
    assert not differing, "go mod edit -replace, then go mod tidy: minutes of the first start hang on it"
