"""The options of training."""

from dataclasses import dataclass

from workloads.common.options import choice, integer, number, option
from workloads.common.storage import S3Options


@dataclass(frozen=True, kw_only=True)
class TrainOptions(S3Options):
    """What to train on, how, and where the results go."""

    dataset_key: str = option(str, "key of the data set's archive in the bucket", "")
    dataset_file: str = option(str, "archive on this machine, instead of DATASET_KEY", "")
    run_prefix: str = option(str, "prefix in the bucket for checkpoints, model and results", "")
    run_dir: str = option(str, "directory on this machine, instead of RUN_PREFIX", "")
    model_dir: str = option(str, "shared volume to which the model is written as well", "")
    epochs: int = option(integer(1, 100_000), "passes over the training images", 40)
    batch_size: int = option(integer(2, 65_536), "images per step", 64)
    learning_rate: float = option(number(1e-6, 10), "highest learning rate", 0.004)
    channels: int = option(integer(1, 1024), "width of the first convolution", 32)
    seed: int = option(integer(0, 2**31 - 1), "seed of everything random", 0)
    checkpoint_every_steps: int = option(integer(1, 10**9), "steps between checkpoints", 200)
    keep_checkpoints: int = option(integer(1, 1000), "newest checkpoints that are kept", 3)
    log_every_steps: int = option(integer(1, 10**9), "steps between lines of metrics", 20)
    progress_every_seconds: float = option(number(0, 3600), "seconds between heartbeats", 10.0)
    instance: str = option(str, "name of this machine, for the heartbeats", "")
    threads: int = option(integer(1, 1024), "CPU threads; more than one pays only for larger images", 1)
    device: str = option(
        choice("auto", "cpu", "cuda"), "where to train; auto takes a GPU if there is one", "auto"
    )

    def problems(self) -> list[str]:
        found = []
        if bool(self.dataset_key) == bool(self.dataset_file):
            found.append("one of DATASET_KEY and DATASET_FILE is required, and not both")
        if bool(self.run_prefix) == bool(self.run_dir):
            found.append("one of RUN_PREFIX and RUN_DIR is required, and not both")
        if (self.dataset_key or self.run_prefix) and not self.s3_bucket:
            found.append("S3_BUCKET is required with DATASET_KEY and RUN_PREFIX")
        return found
