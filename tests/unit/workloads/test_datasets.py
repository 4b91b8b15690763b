"""Data sets: what is read from which archive, and what is refused."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
from sklearn.datasets import load_digits

from workloads.common import datasets
from workloads.common.datasets import BadDataset

RANDOM = np.random.Generator(np.random.PCG64(0))
IMAGES = RANDOM.integers(0, 256, size=(50, 28, 28), dtype=np.uint8)
LABELS = np.arange(50, dtype=np.uint8) % 10


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return head + array.tobytes()


def mnist(*, zipped: bool) -> dict[str, bytes]:
    files = {
        "train-images-idx3-ubyte": idx(IMAGES),
        "train-labels-idx1-ubyte": idx(LABELS),
        "t10k-images-idx3-ubyte": idx(IMAGES[:10]),
        "t10k-labels-idx1-ubyte": idx(LABELS[:10]),
    }
    return {f"{name}.gz": gzip.compress(data) for name, data in files.items()} if zipped else files


def tar(files: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"MNIST/raw/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        tar(mnist(zipped=False), "w"),
        tar(mnist(zipped=True), "w"),
        tar(mnist(zipped=True), "w:gz"),
        zip_of(mnist(zipped=False)),
        zip_of(mnist(zipped=True)),
    ],
    ids=["tar", "tar of gz", "tar.gz", "zip", "zip of gz"],
)
def test_mnists_own_files_are_read_from_any_archive(archive: bytes) -> None:
    dataset = datasets.read(archive)
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.test_labels, LABELS[:10])
    assert (dataset.pixel_max, dataset.classes) == (255, 10)


def test_a_fifth_of_every_class_is_held_out_and_always_the_same() -> None:
    digits = load_digits()
    archive = npz(images=digits.images.astype(np.uint8), labels=digits.target)
    dataset = datasets.read(archive)
    assert dataset.pixel_max == 16
    assert len(dataset.images) + len(dataset.test_images) == 1797
    for label in range(10):
        share = (dataset.test_labels == label).sum() / (digits.target == label).sum()
        assert share == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(dataset.test_images, datasets.read(archive).test_images)


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04 not really", "cannot be read"),
        (npz(images=IMAGES), "labels"),
        (npz(images=IMAGES, labels=LABELS[:-1]), "n > 0"),
        (npz(images=IMAGES.astype(float) + 0.5, labels=LABELS), "whole numbers"),
        (npz(images=IMAGES, labels=LABELS, pixel_max=16), "pixel_max"),
        (npz(images=IMAGES, labels=LABELS, test_images=IMAGES), "both"),
        (npz(images=IMAGES[:, :4], labels=LABELS), "8 pixels"),
        (npz(images=IMAGES, labels=-LABELS.astype(int)), "from 0"),
        (npz(images=np.array([object()]), labels=LABELS), "cannot be read"),
        (tar({"readme": b""}, "w"), "neither"),
        (tar({"train-images-idx3-ubyte": idx(IMAGES)[:-1]}, "w"), "cannot be read"),
        (tar(mnist(zipped=True), "w:gz")[:2000], "cannot be read"),
    ],
)
def test_a_bad_archive_is_refused_with_its_reason(archive: bytes, reason: str) -> None:
    with pytest.raises(BadDataset, match=reason):
        datasets.read(archive)
