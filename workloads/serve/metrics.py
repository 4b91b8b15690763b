"""Prometheus metrics of one server, in a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Counted where it happens, read at /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "inference_requests", "Requests for inference", ("protocol", "code"), registry=self.registry
        )
        self.images = Counter("inference_images", "Images computed", registry=self.registry)
        self.seconds = Histogram(
            "inference_request_duration_seconds",
            "From the request's first byte to its answer",
            ("protocol",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.compute_seconds = Histogram(
            "inference_compute_duration_seconds",
            "Time in the network, per batch",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_images = Histogram(
            "inference_batch_images", "Images computed together", buckets=_IMAGES, registry=self.registry
        )
        self.in_flight = Gauge(
            "inference_requests_in_flight", "Requests being answered", registry=self.registry
        )
        self.ready = Gauge("inference_ready", "1 while requests are welcome", registry=self.registry)
        self.model = Gauge(
            "inference_model_info", "The model served", ("name", "sha256"), registry=self.registry
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
