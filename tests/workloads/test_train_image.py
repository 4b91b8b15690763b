"""Training in the image: learns, stops, goes on, ends the same."""

import json
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import torch  # noqa: F401

    import workloads.train.trainer  # noqa: F401 # the image of serving has no training
except ModuleNotFoundError as missing:
    raise unittest.SkipTest(f"NOT RUN HERE: {missing}; the smoke test of the image runs it") from None

sys.path.insert(0, str(Path(__file__).parent))

import samples


class Training(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.data = self.root / "digits.npz"
        self.data.write_bytes(samples.archive())

    def test_a_stopped_run_goes_on_and_ends_bit_for_bit_like_one_that_was_not(self) -> None:
        status, events = samples.train(self.data, self.root / "whole", EPOCHS=10)
        assert status == 0
        whole = events[-1]
        assert whole["event"] == "finished"
        assert whole["accuracy"] > 0.9

        stopped = self.root / "stopped"
        settings = {"EPOCHS": 10, "BATCH_SIZE": 32, "LOG_EVERY_STEPS": 1, "DEVICE": "cpu"}
        process = samples.start(samples.TRAIN, DATASET_FILE=self.data, RUN_DIR=stopped, **settings)
        for line in process.stdout or ():
            if json.loads(line)["event"] == "step":
                process.send_signal(signal.SIGTERM)
                break
        last = [json.loads(line) for line in process.stdout or ()][-1]
        assert process.wait(30) == 143
        if process.stdout:
            process.stdout.close()
        assert last["event"] == "stopped"
        assert last["step"] < whole["steps"]

        status, events = samples.train(self.data, stopped, EPOCHS=10)
        assert status == 0
        assert events[-1]["resumed_from"] == last["step"]
        assert events[-1]["model_sha256"] == whole["model_sha256"]

    def test_a_damaged_checkpoint_is_skipped_for_the_one_before(self) -> None:
        run, volume = self.root / "run", self.root / "volume"
        status, events = samples.train(self.data, run, CHECKPOINT_EVERY_STEPS=10, MODEL_DIR=volume)
        assert status == 0
        first = events[-1]
        checkpoints = sorted((run / "checkpoints").glob("step-*.pt"))
        assert len(checkpoints) == 3
        checkpoints[-1].write_bytes(checkpoints[-1].read_bytes()[:1000])
        (run / "results.json").unlink()

        status, events = samples.train(self.data, run, CHECKPOINT_EVERY_STEPS=10)
        assert status == 0
        assert "checkpoint_skipped" in [event["event"] for event in events]
        assert events[-1]["resumed_from"] == int(checkpoints[-2].stem.removeprefix("step-"))
        assert events[-1]["model_sha256"] == first["model_sha256"]

        status, events = samples.train(self.data, run)
        assert (status, events[-1]["event"]) == (0, "already_finished")
        about = json.loads((volume / "model.json").read_text())
        assert (volume / about["weights"]).exists()
        assert about["sha256"] == first["model_sha256"]


if __name__ == "__main__":
    unittest.main()
