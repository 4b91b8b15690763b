"""Inference whose result for an image does not depend on what else is in its batch.

CPU kernels choose their order of summation by the batch's size, so the same image may differ in the last bit
between a batch of 1 and one of 5. At one size they treat every row alike, whatever its place and neighbours
(a test holds that); hence every forward pass has exactly BLOCK rows, the last one filled up with zeros.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from workloads.common import bundle, network

BLOCK = 16


class Predictor:
    """A loaded model. Calls may come from one thread at a time."""

    def __init__(self, manifest: bundle.Manifest, weights: bytes, device: str = "cpu") -> None:
        self.manifest = manifest
        self._device = torch.device(device)
        self._network = network.from_bytes(manifest, weights).to(self._device)
        self.probabilities(np.zeros((1, manifest.height, manifest.width), np.float32))  # warm-up

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities (n, classes) of pixels (n, height, width) in 0..pixel_max."""
        count = len(images)
        rows = network.to_input(images, self.manifest.pixel_max)
        padded = torch.zeros((-(-count // BLOCK) * BLOCK, *rows.shape[1:]))
        padded[:count] = rows
        with torch.inference_mode():
            blocks = [
                torch.softmax(self._network(block.to(self._device)), dim=1).cpu()
                for block in padded.split(BLOCK)
            ]
        result: NDArray[np.float32] = torch.cat(blocks)[:count].numpy()
        return result
