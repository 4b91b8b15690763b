"""The options of serving."""

from dataclasses import dataclass

from workloads.common.options import choice, integer, number, option
from workloads.common.storage import S3Options


@dataclass(frozen=True, kw_only=True)
class ServeOptions(S3Options):
    """Which model to serve, and how."""

    model_name: str = option(str, "name of the model in URLs", "digits")
    model_key: str = option(str, "key of the model's manifest in the bucket, or the prefix above it", "")
    model_dir: str = option(str, "directory with the model, instead of MODEL_KEY", "")
    host: str = option(str, "address to listen on", "0.0.0.0")  # noqa: S104 # a container's only address
    port: int = option(integer(0, 65_535), "TCP port", 8080)
    max_batch_size: int = option(
        integer(1, 4096), "images computed together at most; 1 turns batching off", 64
    )
    max_batch_delay_ms: float = option(number(0, 1000), "how long an image waits for others", 2.0)
    max_queue_images: int = option(
        integer(1, 10**7), "images waiting at most; more are refused with 503", 8192
    )
    max_body_bytes: int = option(
        integer(1, 2**31), "largest request body; larger are refused with 413", 8 << 20
    )
    drain_seconds: float = option(
        number(0, 3600), "after SIGTERM, how long new requests are still answered", 5.0
    )
    threads: int = option(integer(1, 1024), "CPU threads of inference", 1)
    device: str = option(
        choice("auto", "cpu", "cuda"), "where to compute; auto takes a GPU if there is one", "auto"
    )

    def problems(self) -> list[str]:
        found = []
        if bool(self.model_key) == bool(self.model_dir):
            found.append("one of MODEL_KEY and MODEL_DIR is required, and not both")
        if self.model_key and not self.s3_bucket:
            found.append("S3_BUCKET is required with MODEL_KEY")
        if not self.model_name or "/" in self.model_name:
            found.append("MODEL_NAME must be one segment of a URL, such as digits")
        return found
