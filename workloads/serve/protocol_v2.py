"""KServe's Open Inference Protocol V2 over HTTP, with the binary tensor data extension.

Specification: kserve.github.io, "Open Inference Protocol (V2)", and Triton's "Binary Tensor Data Extension".
One input `images`, FP32 or UINT8, and two outputs: `probabilities`, FP32, and `label`, INT64.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.common.bundle import Manifest
from workloads.serve import tensors
from workloads.serve.body import parse_json
from workloads.serve.errors import RequestError

HEADER = "Inference-Header-Content-Length"
EXTENSIONS = ["binary_tensor_data"]
VERSION = "1"
INPUT = "images"
_INPUT_TYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "UINT8": np.dtype("u1")}
_OUTPUT_TYPES = {"probabilities": ("FP32", "<f4"), "label": ("INT64", "<i8")}


@dataclass(frozen=True)
class Request:
    """A parsed request. binary: for each output asked for, whether its data goes behind the JSON."""

    id: str | None
    images: NDArray[np.float32]
    binary: dict[str, bool]


def metadata(name: str, manifest: Manifest) -> dict[str, Any]:
    """The model's metadata."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "pytorch",
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, manifest.height, manifest.width]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, manifest.classes]},
            {"name": "label", "datatype": "INT64", "shape": [-1]},
        ],
        "parameters": {"pixel_max": manifest.pixel_max, "accuracy": manifest.accuracy},
    }


def parse(body: bytes, json_length: str | None, manifest: Manifest) -> Request:
    """Read a request; json_length is the header that says where the JSON ends and the tensors begin."""
    end = _json_length(json_length, len(body))
    content = parse_json(body[:end])
    if not isinstance(content, dict):
        raise RequestError(400, "the body must be a JSON object")
    binary = _outputs(content)
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RequestError(400, f"inputs: exactly one tensor is expected, {INPUT!r}")
    request_id = content.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise RequestError(400, "id must be a string")
    images = tensors.images(_tensor(inputs[0], memoryview(body)[end:]), manifest, INPUT)
    return Request(request_id, images, binary)


def answer(request: Request, name: str, probabilities: NDArray[np.float32]) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON part where tensors follow it in binary."""
    values = {"probabilities": probabilities, "label": probabilities.argmax(axis=1)}
    outputs: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for output, as_binary in request.binary.items():
        datatype, dtype = _OUTPUT_TYPES[output]
        value = np.ascontiguousarray(values[output], dtype=dtype)
        entry: dict[str, Any] = {"name": output, "datatype": datatype, "shape": list(value.shape)}
        if as_binary:
            blobs.append(value.tobytes())
            entry["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            entry["data"] = value.ravel().tolist()
        outputs.append(entry)
    content: dict[str, Any] = {"model_name": name, "model_version": VERSION, "outputs": outputs}
    if request.id is not None:
        content["id"] = request.id
    head = json.dumps(content).encode()
    return (head + b"".join(blobs), len(head)) if blobs else (head, None)


def _json_length(header: str | None, body: int) -> int:
    if header is None:
        return body
    if not (header.isascii() and header.isdigit()) or int(header) > body:
        raise RequestError(400, f"{HEADER}: {header!r} is not a length within the body's {body} bytes")
    return int(header)


def _parameters(entry: dict[str, Any], what: str) -> dict[str, Any]:
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RequestError(400, f"{what}: parameters must be an object")
    for name in ("shared_memory_region", "classification"):
        if parameters.get(name):
            raise RequestError(400, f"{what}: this server does not offer {name}")
    return parameters


def _outputs(content: dict[str, Any]) -> dict[str, bool]:
    default = bool(_parameters(content, "request").get("binary_data_output", False))
    asked = content.get("outputs") or [{"name": name} for name in _OUTPUT_TYPES]
    if not isinstance(asked, list) or not all(isinstance(entry, dict) for entry in asked):
        raise RequestError(400, "outputs must be a list of objects")
    binary = {}
    for entry in asked:
        name = entry.get("name")
        if not isinstance(name, str) or name not in _OUTPUT_TYPES:
            raise RequestError(400, f"there is no output {name!r}; there are {', '.join(_OUTPUT_TYPES)}")
        binary[name] = bool(_parameters(entry, name).get("binary_data", default))
    return binary


def _tensor(entry: dict[str, Any], blob: memoryview) -> NDArray[Any]:
    name, datatype, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
    if name != INPUT:
        raise RequestError(400, f"there is no input {name!r}; there is {INPUT!r}")
    if not isinstance(datatype, str) or datatype not in _INPUT_TYPES:
        raise RequestError(
            400, f"{INPUT}: the datatype is {datatype!r}; it must be {' or '.join(_INPUT_TYPES)}"
        )
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(400, f"{INPUT}: the shape must be a list of whole numbers")
    size = _parameters(entry, INPUT).get("binary_data_size")
    if size is None:
        array = _json_values(entry, datatype, blob)
    else:
        array = _binary_values(entry, datatype, shape, blob, size)
    if array.size != math.prod(shape):
        raise RequestError(
            400, f"{INPUT}: there are {array.size} values, the shape {shape} takes {math.prod(shape)}"
        )
    return array.reshape(shape)


def _json_values(entry: dict[str, Any], datatype: str, blob: memoryview) -> NDArray[Any]:
    if "data" not in entry:
        raise RequestError(400, f"{INPUT}: there is neither data nor binary_data_size")
    if blob:
        raise RequestError(400, f"{len(blob)} bytes follow the JSON, but no input claims them")
    array = tensors.numbers(entry["data"], INPUT)
    if datatype == "UINT8" and array.dtype.kind == "f":
        raise RequestError(400, f"{INPUT}: UINT8 takes whole numbers only")
    return array


def _binary_values(
    entry: dict[str, Any], datatype: str, shape: list[int], blob: memoryview, size: Any
) -> NDArray[Any]:
    if "data" in entry:
        raise RequestError(400, f"{INPUT}: there are both data and binary_data_size")
    dtype = _INPUT_TYPES[datatype]
    expected = math.prod(shape) * dtype.itemsize
    if type(size) is not int or size != len(blob) or size != expected:
        raise RequestError(
            400,
            f"{INPUT}: binary_data_size is {size}, {len(blob)} bytes follow the JSON, and the shape "
            f"{shape} of {datatype} takes {expected}",
        )
    return np.frombuffer(blob, dtype=dtype)
