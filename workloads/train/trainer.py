"""The training loop and everything that decides its course, in a form that can be stopped and continued.

On a CPU with a given number of threads, a run that was stopped and continued ends with the same weights, bit
for bit, as one that was not: order and augmentation follow from seed and position, and what remains (weights,
optimizer, dropout's generator) is in the checkpoint.
"""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from workloads.common.datasets import Dataset
from workloads.common.network import DigitsNet, to_input
from workloads.train.options import TrainOptions

SHIFT = 1  # pixels, each way: digits are as wide as the picture, so more would cut them


@dataclass(frozen=True, kw_only=True)
class Progress:
    """After a step: loss and accuracy on the batch (with augmentation), images per second since the last."""

    step: int
    epoch: int
    loss: float
    accuracy: float
    images_per_second: float


class Trainer:
    """Network, optimizer and position."""

    def __init__(self, options: TrainOptions, dataset: Dataset) -> None:
        torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        wanted = options.device
        self.device = torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")
        if wanted == "cuda" and self.device.type != "cuda":
            raise RuntimeError("DEVICE=cuda, but torch finds no GPU: check the driver and the GPU request")
        self._options = options
        self._images = to_input(dataset.images, dataset.pixel_max).to(self.device)
        self._labels = torch.from_numpy(dataset.labels).to(self.device)
        self._test_images = to_input(dataset.test_images, dataset.pixel_max).to(self.device)
        self._test_labels = torch.from_numpy(dataset.test_labels).to(self.device)
        self.network = DigitsNet(dataset.classes, options.channels).to(self.device)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), options.learning_rate, weight_decay=1e-2
        )
        self.step = 0
        self.steps_per_epoch = max(1, len(self._images) // options.batch_size)
        self.total_steps = options.epochs * self.steps_per_epoch

    def run(self) -> Iterator[Progress]:
        """Train to the end, one step at a time."""
        last = time.monotonic()
        order_of = -1
        order = torch.empty(0)
        while self.step < self.total_steps:
            epoch, place = divmod(self.step, self.steps_per_epoch)
            if epoch != order_of:
                order, order_of = self._order(epoch), epoch
            chosen = order[place * self._options.batch_size :][: self._options.batch_size]
            images = self._augmented(self._images[chosen])
            labels = self._labels[chosen]
            loss, right = self._learn(images, labels)
            self.step += 1
            now = time.monotonic()
            yield Progress(
                step=self.step,
                epoch=epoch,
                loss=loss,
                accuracy=right,
                images_per_second=len(chosen) / max(now - last, 1e-9),
            )
            last = now

    def _learn(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.network.train()
        logits = self.network(images)
        loss = functional.cross_entropy(logits, labels, label_smoothing=0.05)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss), float((logits.argmax(1) == labels).float().mean())

    def _learning_rate(self) -> float:
        """A tenth of the steps to warm up, then down along a cosine."""
        warm_up = max(1, self.total_steps // 10)
        if self.step < warm_up:
            return self._options.learning_rate * (self.step + 1) / warm_up
        done = (self.step - warm_up) / max(1, self.total_steps - warm_up)
        return float(self._options.learning_rate * 0.5 * (1 + np.cos(np.pi * done)))

    def _generator(self, kind: int, position: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self._options.seed, kind, position]))

    def _order(self, epoch: int) -> torch.Tensor:
        order = self._generator(0, epoch).permutation(len(self._images))
        return torch.from_numpy(order).to(self.device)

    def _augmented(self, images: torch.Tensor) -> torch.Tensor:
        """Each image moved by up to SHIFT pixels, the border filled with blank."""
        moves = self._generator(1, self.step).integers(0, 2 * SHIFT + 1, size=(2, len(images)))
        height, width = images.shape[2:]
        framed = functional.pad(images, (SHIFT, SHIFT, SHIFT, SHIFT))
        down, right = (torch.from_numpy(move).to(self.device) for move in moves)
        rows = down[:, None] + torch.arange(height, device=self.device)
        columns = right[:, None] + torch.arange(width, device=self.device)
        each = torch.arange(len(images), device=self.device)[:, None, None]
        return framed[each, 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)

    def accuracy(self) -> float:
        """Share of the held-out images that are told right."""
        self.network.eval()
        with torch.inference_mode():
            right = sum(
                int((self.network(images).argmax(1) == labels).sum())
                for images, labels in zip(
                    self._test_images.split(512), self._test_labels.split(512), strict=True
                )
            )
        return right / len(self._test_labels)

    def state(self, fingerprint: str) -> bytes:
        """Everything needed to continue. fingerprint: the settings and data that it belongs to."""
        content: dict[str, Any] = {
            "fingerprint": fingerprint,
            "step": self.step,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            content["cuda_generator"] = torch.cuda.get_rng_state(self.device)
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    def restore(self, data: bytes, fingerprint: str) -> bool:
        """Continue from a state; False, with nothing changed, where it belongs to other settings.

        Raises:
            Exception: of many kinds, where the state cannot be read.
        """
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        if content["fingerprint"] != fingerprint:
            return False
        self.network.load_state_dict(content["network"])
        self._optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["generator"])
        if self.device.type == "cuda" and "cuda_generator" in content:
            torch.cuda.set_rng_state(content["cuda_generator"], self.device)
        self.step = int(content["step"])
        return True
