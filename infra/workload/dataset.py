"""The handwritten digits that scikit-learn ships, as the archive that training reads.

The archive's key follows from the packaged file: a preview neither imports scikit-learn nor builds it.
"""

import gzip
import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pulumi

from infra.storage.connection import S3Connection
from infra.storage.s3 import Object

FORMAT = "1"  # changes when the same file would make another archive
_PIXELS = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class DatasetArgs:
    """digest: of the packaged digits, from `packaged_digest`."""

    bucket: pulumi.Input[str]
    digest: str
    connection: S3Connection


class Dataset(pulumi.ComponentResource):
    """The digits, staged into the bucket."""

    key: pulumi.Output[str]

    def __init__(self, name: str, args: DatasetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:workload:Dataset", name, None, opts)
        staged = Object(
            f"{name}-archive",
            bucket=args.bucket,
            key=f"datasets/digits/{args.digest}.npz",
            body=archive,
            source_digest=args.digest,
            connection=args.connection,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.key = staged.key
        self.register_outputs({"key": self.key})


def packaged_digest() -> str:
    """Sixteen hexadecimal digits that name the packaged file and the archive's format."""
    return hashlib.sha256(FORMAT.encode() + _packaged().read_bytes()).hexdigest()[:16]


def archive() -> bytes:
    """A .npz of uint8 `images` (n, 8, 8), pixels 0 to 16, and `labels` (n); the same bytes every time."""
    import numpy as np

    rows = np.loadtxt(io.StringIO(gzip.decompress(_packaged().read_bytes()).decode()), delimiter=",")
    table = rows.astype(np.uint8)
    arrays = {"images": table[:, :_PIXELS].reshape(-1, 8, 8), "labels": table[:, _PIXELS]}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0))
            # Stored with a fixed date: compressed bytes would differ between zlib versions.
            file.writestr(zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH), member.getvalue())
    return buffer.getvalue()


def _packaged() -> Path:
    """scikit-learn's file: 1797 lines of 64 pixels and a label."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("scikit-learn is not installed; ./scripts/up installs it")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
