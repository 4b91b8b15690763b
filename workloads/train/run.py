"""One training run, from the data set to the uploaded model: what is read and written, in which order."""

import json
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from workloads.common import bundle, datasets, network
from workloads.common.logs import emit
from workloads.common.storage import DirectoryStore, NotFound, S3Store, Store, sha256
from workloads.train.checkpoints import Checkpoints
from workloads.train.options import TrainOptions
from workloads.train.progress import Heartbeat
from workloads.train.stop import Stop
from workloads.train.trainer import Trainer

# What a checkpoint or a finished run must agree on to be taken up; the rest (paths, logging) may change.
COURSE = ("epochs", "batch_size", "learning_rate", "channels", "seed")


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a run came to its end.

    seconds, first: the last attempt's duration and first step. lost_steps: done more than once, over all
    attempts, as far as heartbeats tell.
    """

    seconds: float
    first: int
    resumed_from: int | None
    attempts: int
    lost_steps: int


class Run:
    """A run in its store; execute() is the whole of it."""

    def __init__(self, options: TrainOptions, stop: Stop) -> None:
        self._options = options
        self._stop = stop
        self._store: Store = DirectoryStore(Path(options.run_dir)) if options.run_dir else S3Store(options)
        self._prefix = f"{options.run_prefix.strip('/')}/" if options.run_prefix else ""
        self._checkpoints = Checkpoints(self._store, self._prefix, options.keep_checkpoints)

    def execute(self) -> int:
        """Train, or find that it is done; returns the exit status (128 + signal number when stopped)."""
        archive = self._dataset()
        fingerprint = self._fingerprint(sha256(archive))
        finished = self._finished(fingerprint)
        if finished is not None:
            emit("already_finished", results=self._store.describe(f"{self._prefix}results.json"), **finished)
            return 0
        dataset = datasets.read(archive)
        trainer = Trainer(self._options, dataset)
        emit(
            "start",
            images=len(dataset.images),
            test_images=len(dataset.test_images),
            size=list(dataset.images.shape[1:]),
            classes=dataset.classes,
            steps=trainer.total_steps,
            parameters=network.parameters(trainer.network),
            device=str(trainer.device),
            threads=torch.get_num_threads(),
            torch=torch.__version__,
        )
        # From here on a signal waits for the step at hand, so that nothing is lost.
        self._stop.deferred = True
        resumed_from = self._resume(trainer, fingerprint)
        heartbeat = self._heartbeat(trainer, fingerprint)
        began, first = time.monotonic(), trainer.step
        if not self._train(trainer, fingerprint, heartbeat):
            return self._stop.status
        course = Course(
            seconds=time.monotonic() - began,
            first=first,
            resumed_from=resumed_from,
            attempts=heartbeat.attempts,
            lost_steps=heartbeat.lost_steps,
        )
        self._finish(trainer, dataset, fingerprint, course)
        return 0

    def _dataset(self) -> bytes:
        if self._options.dataset_file:
            return Path(self._options.dataset_file).read_bytes()
        source = S3Store(self._options)
        data, metadata = source.get(self._options.dataset_key)
        digest = sha256(data)
        emit("dataset", source=source.describe(self._options.dataset_key), bytes=len(data), sha256=digest)
        if metadata.get("sha256", digest) != digest:
            raise datasets.BadDataset(f"the archive's SHA-256 is {digest}, recorded is {metadata['sha256']}")
        return data

    def _fingerprint(self, dataset: str) -> str:
        course = {name: getattr(self._options, name) for name in COURSE}
        return sha256(json.dumps([dataset, course], sort_keys=True).encode())

    def _finished(self, fingerprint: str) -> dict[str, Any] | None:
        """The results of this very run, where they and the model are there."""
        try:
            results: dict[str, Any] = json.loads(self._store.get(f"{self._prefix}results.json")[0])
            manifest, weights = bundle.load(self._store, f"{self._prefix}model")
            if results["fingerprint"] != fingerprint or results["model_sha256"] != manifest.sha256:
                emit("results_ignored", reason="they are of other settings or another data set")
                return None
        except (NotFound, bundle.BadModel, ValueError, KeyError, TypeError):
            return None
        if self._options.model_dir:
            about = {
                name: value
                for name, value in asdict(manifest).items()
                if name not in {"weights", "sha256", "format"}
            }
            bundle.save(DirectoryStore(Path(self._options.model_dir)), "", weights, about)
        return results

    def _resume(self, trainer: Trainer, fingerprint: str) -> int | None:
        for checkpoint in self._checkpoints.newest_first():
            try:
                taken = trainer.restore(checkpoint.data, fingerprint)
                reason = "it is of other settings or another data set"
            except Exception as problem:  # noqa: BLE001 # unpickling damaged data raises anything
                taken, reason = False, f"it cannot be read: {problem}"
            if taken:
                emit("resumed", key=checkpoint.key, step=trainer.step)
                return trainer.step
            emit("checkpoint_skipped", key=checkpoint.key, reason=reason)
        return None

    def _heartbeat(self, trainer: Trainer, fingerprint: str) -> Heartbeat:
        heartbeat = Heartbeat(
            self._store,
            self._prefix,
            seconds=self._options.progress_every_seconds,
            instance=self._options.instance or socket.gethostname(),
            fingerprint=fingerprint,
        )
        heartbeat.begin(trainer.step)
        epoch = trainer.step // trainer.steps_per_epoch
        heartbeat.beat(trainer.step, trainer.total_steps, epoch, now=True)
        return heartbeat

    def _train(self, trainer: Trainer, fingerprint: str, heartbeat: Heartbeat) -> bool:
        """True when it came to its end, False when it was stopped (a checkpoint is then written)."""
        if self._stop.number:
            return False
        for progress in trainer.run():
            if progress.step % self._options.log_every_steps == 0 or progress.step == trainer.total_steps:
                emit("step", **asdict(progress))
            if progress.step % trainer.steps_per_epoch == 0:
                emit("epoch", epoch=progress.epoch, step=progress.step, test_accuracy=trainer.accuracy())
            stopping = bool(self._stop.number)
            due = progress.step % self._options.checkpoint_every_steps == 0
            due = self._stop.take_checkpoint_asked() or (due and progress.step < trainer.total_steps)
            if stopping or due:
                key = self._checkpoints.save(trainer.step, trainer.state(fingerprint))
                emit("checkpoint", key=key, step=trainer.step)
            last = stopping or due or progress.step == trainer.total_steps
            heartbeat.beat(progress.step, trainer.total_steps, progress.epoch, now=last)
            if stopping:
                emit("stopped", signal=self._stop.number, step=trainer.step)
                return False
        return True

    def _finish(
        self,
        trainer: Trainer,
        dataset: datasets.Dataset,
        fingerprint: str,
        course: Course,
    ) -> None:
        height, width = dataset.images.shape[1:]
        about = {
            "height": height,
            "width": width,
            "classes": dataset.classes,
            "pixel_max": dataset.pixel_max,
            "channels": self._options.channels,
            "accuracy": trainer.accuracy(),
            "parameters": network.parameters(trainer.network),
            "torch": torch.__version__,
        }
        weights = network.to_bytes(trainer.network)
        manifest = bundle.save(self._store, f"{self._prefix}model/", weights, about)
        if self._options.model_dir:
            bundle.save(DirectoryStore(Path(self._options.model_dir)), "", weights, about)
        images = (trainer.total_steps - course.first) * self._options.batch_size
        results = {
            "accuracy": manifest.accuracy,
            "steps": trainer.total_steps,
            "duration_seconds": round(course.seconds, 3),
            "images_per_second": round(images / max(course.seconds, 1e-9), 1),
            "parameters": manifest.parameters,
            "resumed_from": course.resumed_from,
            "attempts": course.attempts,
            "lost_steps": course.lost_steps,
            "torch": manifest.torch,
            "device": str(trainer.device),
            "model_key": f"{self._prefix}model/{bundle.MANIFEST}",
            "model_sha256": manifest.sha256,
            "fingerprint": fingerprint,
        }
        self._store.put(f"{self._prefix}held-out.npz", datasets.held_out(dataset))
        self._store.put(f"{self._prefix}results.json", json.dumps(results, indent=2).encode())
        emit("finished", **results)
