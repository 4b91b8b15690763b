"""Small made-up data for the tests that need PyTorch, and programs under test as processes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

TRAIN = [sys.executable, "-m", "workloads.train"]
SERVE = [sys.executable, "-m", "workloads.serve"]


def archive(images: int = 480) -> bytes:
    """An .npz with ten noisy patterns of 8 by 8."""
    random = np.random.Generator(np.random.PCG64(7))
    patterns = random.integers(0, 17, size=(10, 8, 8))
    labels = random.integers(0, 10, size=images)
    noise = random.integers(-3, 4, size=(images, 8, 8))
    pixels = np.clip(patterns[labels] + noise, 0, 16).astype(np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=pixels, labels=labels)
    return buffer.getvalue()


def start(argv: list[str], **environ: Any) -> "subprocess.Popen[str]":
    """A program with additions to its environment, its output piped."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {name: str(value) for name, value in environ.items()}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)


def settings(data: Path, run: Path, **others: Any) -> dict[str, Any]:
    """The environment of a short training run."""
    usual = {"DATASET_FILE": data, "RUN_DIR": run, "BATCH_SIZE": 32, "LOG_EVERY_STEPS": 1, "DEVICE": "cpu"}
    return usual | others


def train(data: Path, run: Path, **others: Any) -> tuple[int, list[dict[str, Any]]]:
    """Train to the end: exit status and logged events."""
    process = start(TRAIN, **settings(data, run, **others))
    output, _ = process.communicate(timeout=300)
    return process.returncode, [json.loads(line) for line in output.splitlines()]
