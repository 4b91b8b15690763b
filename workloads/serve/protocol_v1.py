"""KServe's V1 protocol: `{"instances": [image, …]}` to `{"predictions": [{label, probabilities}, …]}`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.common.bundle import Manifest
from workloads.serve import tensors
from workloads.serve.errors import RequestError


def parse(content: Any, manifest: Manifest) -> NDArray[np.float32]:
    """The images of a request's JSON."""
    if not isinstance(content, dict) or not isinstance(content.get("instances"), list):
        raise RequestError(400, 'the body must be a JSON object {"instances": [image, …]}')
    if not content["instances"]:
        raise RequestError(400, "instances: there is no image in the list")
    return tensors.images(tensors.numbers(content["instances"], "instances"), manifest, "instances")


def answer(probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """The answer's JSON; numbers are written so that float32 values survive unchanged."""
    labels = probabilities.argmax(axis=1)
    return {
        "predictions": [
            {"label": int(label), "probabilities": row.tolist()}
            for label, row in zip(labels, probabilities, strict=True)
        ]
    }
