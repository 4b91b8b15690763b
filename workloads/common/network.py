"""The convolutional network and its weights as bytes."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from workloads.common.bundle import BadModel, Manifest


class DigitsNet(nn.Module):
    """Logits (n, classes) of float images (n, 1, height, width) in 0..1; any size from 8 by 8 up."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(2),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(8 * channels, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


def parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(parameter.numel() for parameter in network.parameters())


def to_bytes(network: nn.Module) -> bytes:
    """The weights in the safetensors format, which carries no code."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return bytes(save_tensors(state))


def from_bytes(manifest: Manifest, weights: bytes) -> DigitsNet:
    """The network in evaluation mode.

    Raises:
        BadModel: the weights do not fit the manifest.
    """
    network = DigitsNet(manifest.classes, manifest.channels)
    try:
        network.load_state_dict(load_tensors(weights))
    except Exception as reason:  # noqa: BLE001 # safetensors and torch raise several kinds, all meaning this
        raise BadModel(f"the weights {manifest.weights} do not fit their manifest: {reason}") from None
    network.eval()
    return network


def to_input(images: NDArray[Any], pixel_max: int) -> torch.Tensor:
    """Pixels (n, height, width) of 0..pixel_max as the network's input."""
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).unsqueeze(1) / pixel_max
