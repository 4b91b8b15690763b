"""A run of training: what it depends on, and the name that follows from that. Pure."""

from infra import naming
from infra.config import Hyperparameters


def hyperparameters(training: Hyperparameters) -> dict[str, str]:
    """What the result depends on, as the workload's environment variables."""
    return {
        "EPOCHS": str(training.epochs),
        "BATCH_SIZE": str(training.batch_size),
        "LEARNING_RATE": str(training.learning_rate),
        "CHANNELS": str(training.channels),
        "SEED": str(training.seed),
        "CHECKPOINT_EVERY_STEPS": str(training.checkpoint_every_steps),
        "THREADS": str(training.threads),
    }


def run_name(image: str, dataset_digest: str, training: Hyperparameters, *, shared_volume: bool) -> str:
    """Eight hexadecimal digits for what is trained: image, data, hyperparameters and where the model goes.

    image: its reference; the registry and path are no part of the name: one that moved is no reason to train
    again.
    """
    return naming.digest(
        {
            "image": image.rpartition("/")[2],
            "dataset": dataset_digest,
            "hyperparameters": hyperparameters(training),
            "shared_volume": shared_volume,
        }
    )
