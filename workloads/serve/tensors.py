"""What both protocols ask of images: numbers, of the model's size, within the range of its pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.common.bundle import Manifest
from workloads.serve.errors import RequestError


def numbers(data: Any, what: str) -> NDArray[Any]:
    """Nested JSON lists as an array of numbers; 400 for anything else."""
    try:
        array = np.asarray(data)
    except (ValueError, TypeError, OverflowError):
        raise RequestError(400, f"{what}: the lists are of different lengths or depths") from None
    if array.dtype.kind not in "iuf":
        raise RequestError(400, f"{what}: only numbers are allowed")
    return array


def images(array: NDArray[Any], manifest: Manifest, what: str) -> NDArray[np.float32]:
    """Pixels (n, height, width) as float32; 400 where the shape or a value is wrong."""
    height, width = manifest.height, manifest.width
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 3 or array.shape[1:] != (height, width) or not len(array):
        raise RequestError(
            400,
            f"{what}: the shape is {list(array.shape)}; it must be [n, {height}, {width}] "
            f"or [n, 1, {height}, {width}], n > 0",
        )
    # Compared before the conversion: a number too large for float32 would only become infinite.
    if not ((array >= 0) & (array <= manifest.pixel_max)).all():
        raise RequestError(
            400, f"{what}: every pixel must be a number from 0 to {manifest.pixel_max}; NaN is none"
        )
    return np.ascontiguousarray(array, dtype=np.float32)
