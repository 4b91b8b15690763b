"""Images and their labels from an archive: `.npz`, or a `.tar`, `.tar.gz` or `.zip` of MNIST's IDX files.

An `.npz` holds `images` (n, height, width) and `labels` (n), and may hold `test_images` and `test_labels`,
and `pixel_max`, the value of full ink (by default 16 where no pixel is over it, as in scikit-learn's digits,
else 255). An archive of IDX files holds `train-images…idx3…` and `train-labels…idx1…`, and may hold the
`t10k-…` pair; each may be gzipped.
Where no test set is given, a fifth of every class is held out, the same one whatever the training seed.
"""

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD_OUT = 0.2
SPLIT_SEED = 0
MOST_BYTES = 1 << 30

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


class BadDataset(Exception):
    """The archive does not hold what training needs; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Images (n, height, width) of 0..pixel_max and labels (n) of 0..classes-1."""

    images: Images
    labels: Labels
    test_images: Images
    test_labels: Labels
    pixel_max: int

    @property
    def classes(self) -> int:
        return int(max(self.labels.max(), self.test_labels.max())) + 1


def read(data: bytes) -> Dataset:
    """Read an archive; its kind is told by its content, not by its name.

    Raises:
        BadDataset: it is damaged, incomplete or inconsistent.
    """
    try:
        arrays = _arrays(data)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, tarfile.TarError) as reason:
        raise BadDataset(f"the data set archive cannot be read: {reason}") from None
    return _checked(arrays)


def held_out(dataset: Dataset, most: int = 1000) -> bytes:
    """An .npz of the first held-out images and their labels, for checks of a served model."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        images=dataset.test_images[:most],
        labels=dataset.test_labels[:most],
        pixel_max=np.asarray(dataset.pixel_max),
    )
    return buffer.getvalue()


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if any(name.endswith(".npy") for name in archive.namelist()):
                with np.load(io.BytesIO(data), allow_pickle=False) as npz:
                    return dict(npz)
    return _idx_arrays(data)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    stream = io.BytesIO(data)
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                if info.file_size <= MOST_BYTES:
                    yield info.filename, archive.read(info)
        return
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() and member.size <= MOST_BYTES else None
            if file is not None:
                yield member.name, file.read()


_NAMES = {
    ("train", "images"): "images",
    ("train", "labels"): "labels",
    ("t10k", "images"): "test_images",
    ("test", "images"): "test_images",
    ("t10k", "labels"): "test_labels",
    ("test", "labels"): "test_labels",
}


def _idx_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for path, content in _members(data):
        found = re.search(r"(?:^|/)(train|t10k|test)[-_](images|labels)[^/]*$", path)
        if found:
            arrays[_NAMES[found[1], found[2]]] = read_idx(content)
    return arrays


def read_idx(data: bytes) -> NDArray[np.uint8]:
    """One IDX file of unsigned bytes, gzipped or not.

    Raises:
        ValueError: it is none, or its size is not what its header says.
    """
    if data[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            data = file.read(MOST_BYTES)
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError("an IDX file of unsigned bytes begins with 00 00 08")
    dimensions = data[3]
    start = 4 + 4 * dimensions
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], dtype=">u4"))
    if len(shape) != dimensions or len(data) - start != int(np.prod(shape)):
        raise ValueError(f"an IDX file of shape {shape} has {len(data) - start} bytes of content")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def _checked(arrays: dict[str, NDArray[Any]]) -> Dataset:
    if not {"images", "labels"} <= arrays.keys():
        raise BadDataset(
            "the archive holds neither an .npz with `images` and `labels`, nor MNIST's files "
            f"train-images-idx3-ubyte and train-labels-idx1-ubyte; it holds {sorted(arrays) or 'neither'}"
        )
    if ("test_images" in arrays) != ("test_labels" in arrays):
        raise BadDataset("a test set needs both images and labels")
    images, labels = _pair(arrays["images"], arrays["labels"], "training")
    pixel_max = int(arrays["pixel_max"]) if "pixel_max" in arrays else 16 if images.max() <= 16 else 255
    if "test_images" in arrays:
        test_images, test_labels = _pair(arrays["test_images"], arrays["test_labels"], "test")
    else:
        train, test = _split(labels)
        test_images, test_labels = images[test], labels[test]
        images, labels = images[train], labels[train]
    if images.shape[1:] != test_images.shape[1:]:
        raise BadDataset(f"training images are {images.shape[1:]}, test images {test_images.shape[1:]}")
    if len(images) < 2:
        raise BadDataset("there are too few images to learn from")
    if max(images.max(), test_images.max()) > pixel_max > 0:
        raise BadDataset(f"there are pixels over pixel_max = {pixel_max}")
    return Dataset(
        images=images, labels=labels, test_images=test_images, test_labels=test_labels, pixel_max=pixel_max
    )


def _pair(images: NDArray[Any], labels: NDArray[Any], name: str) -> tuple[Images, Labels]:
    if images.ndim != 3 or labels.shape != images.shape[:1] or not len(images):
        raise BadDataset(
            f"{name} images are to be (n, height, width) and labels (n), n > 0; "
            f"they are {images.shape} and {labels.shape}"
        )
    if min(images.shape[1:]) < 8:
        raise BadDataset(f"{name} images are to be 8 pixels wide and high at least, not {images.shape[1:]}")
    for array, what, top in ((images, "pixels", 255), (labels, "labels", 999)):
        if array.dtype.kind not in "iuf" or not (array == np.floor(array)).all():
            raise BadDataset(f"{name} {what} are to be whole numbers")
        if array.min() < 0 or array.max() > top:
            raise BadDataset(f"{name} {what} are to be from 0 to {top}")
    return images.astype(np.uint8), labels.astype(np.int64)


def _split(labels: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions for training and for test; every class gives its share to both."""
    order = np.random.Generator(np.random.PCG64(SPLIT_SEED))
    test = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        test.append(order.permutation(positions)[: max(1, round(len(positions) * HELD_OUT))])
    held_out = np.sort(np.concatenate(test))
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    if not len(rest):
        raise BadDataset("there are too few images to hold some out for the test")
    return rest, held_out
