"""The programs of the add-ons, each built from a Go module of ours that pins its version."""

from pathlib import Path

from rehearsal.artifacts import GoProgram, Release

COREDNS_VERSION = "1.15.0"
METRICS_SERVER_VERSION = "0.9.0"

_HERE = Path(__file__).parent
_ARCHIVE = f"coredns_{COREDNS_VERSION}_linux_amd64.tgz"
_RELEASES = f"https://github.com/coredns/coredns/releases/download/v{COREDNS_VERSION}"

COREDNS = GoProgram(
    name="coredns",
    module=_HERE / "coredns",
    packages={"coredns": "."},
    ldflags=("-X=github.com/coredns/coredns/coremain.GitCommit=unknown",),
    tags=("grpcnotrace",),
    releases=(
        Release(
            url=f"{_RELEASES}/{_ARCHIVE}",
            checksum_url=f"{_RELEASES}/{_ARCHIVE}.sha256",
            members={"coredns": "coredns"},
        ),
    ),
    expected="about a minute",
)

# In one module, so that both compile the same Kubernetes client. There is no official download of either.
CONTROLLERS = GoProgram(
    name="addons",
    module=_HERE / "controllers",
    packages={
        "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server",
        "volumes": "./volumes",
    },
    ldflags=(f"-X=k8s.io/client-go/pkg/version.gitVersion=v{METRICS_SERVER_VERSION}",),
    expected="about 2 minutes",
)


def programs() -> list[GoProgram]:
    """What is downloaded or built."""
    return [COREDNS, CONTROLLERS]
