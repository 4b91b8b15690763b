"""Training in the image: learns, stops, goes on, ends the same."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import torch

    import workloads.train.trainer  # noqa: F401 # the image of serving has no training
except ModuleNotFoundError as missing:
    raise unittest.SkipTest(f"NOT RUN HERE: {missing}; the smoke test of the image runs it") from None

sys.path.insert(0, str(Path(__file__).parent))

import samples

SETTINGS = {"EPOCHS": 10, "CHECKPOINT_EVERY_STEPS": 40}


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.root = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.data = cls.root / "digits.npz"
        cls.data.write_bytes(samples.archive())
        cls.volume = cls.root / "volume"
        status, events = samples.train(cls.data, cls.root / "whole", MODEL_DIR=cls.volume, **SETTINGS)
        assert status == 0, events
        cls.whole = events[-1]

    def test_it_learns_and_writes_the_model_to_the_volume_as_well(self) -> None:
        assert self.whole["event"] == "finished"
        assert self.whole["accuracy"] > 0.9
        about = json.loads((self.volume / "model.json").read_text())
        assert (self.volume / about["weights"]).exists()
        assert about["sha256"] == self.whole["model_sha256"]

    def test_a_finished_run_is_not_repeated(self) -> None:
        status, events = samples.train(self.data, self.root / "whole", **SETTINGS)
        assert (status, events[-1]["event"]) == (0, "already_finished")

    def test_a_stopped_run_goes_on_and_ends_bit_for_bit_like_one_that_was_not(self) -> None:
        stopped = self.root / "stopped"
        process = samples.start(samples.TRAIN, **samples.settings(self.data, stopped, **SETTINGS))
        for line in process.stdout or ():
            if json.loads(line)["event"] == "step":
                process.send_signal(signal.SIGTERM)
                break
        last = [json.loads(line) for line in process.stdout or ()][-1]
        process.communicate(timeout=30)
        assert process.returncode == 143
        assert last["event"] == "stopped"
        assert last["step"] < self.whole["steps"]

        # Half a checkpoint, as a disk that was full leaves it, must not be in the way.
        half = stopped / "checkpoints" / f"step-{last['step'] + 1:010d}.pt"
        half.write_bytes(next((stopped / "checkpoints").glob("step-*.pt")).read_bytes()[:1000])

        status, events = samples.train(self.data, stopped, **SETTINGS)
        assert status == 0
        assert [event["key"] for event in events if event["event"] == "checkpoint_skipped"] == [
            f"checkpoints/{half.name}"
        ]
        assert events[-1]["resumed_from"] == last["step"]
        assert events[-1]["model_sha256"] == self.whole["model_sha256"]

    def test_machines_that_are_killed_again_and_again_end_with_the_same_weights(self) -> None:
        """Spot kills: one with notice (a checkpoint at once), two without. Nothing but time is lost."""
        run = self.root / "spot"
        settings = {**SETTINGS, "PROGRESS_EVERY_SECONDS": 0}
        lost = 0
        for number, beyond in ((signal.SIGKILL, 47), (signal.SIGTERM, 70), (signal.SIGKILL, 93)):
            process = samples.start(samples.TRAIN, **samples.settings(self.data, run, **settings))
            for line in process.stdout or ():
                event = json.loads(line)
                if event["event"] == "step" and event["step"] >= beyond:
                    process.send_signal(number)
                    break
            process.communicate(timeout=60)
            reached = json.loads((run / "progress.json").read_text())["step"]
            saved = json.loads((run / "checkpoints" / "latest.json").read_text())["step"]
            assert reached >= beyond - 1, "the line of a step is printed just before its heartbeat"
            assert number == signal.SIGKILL or saved == reached, "a notice is long enough for a checkpoint"
            lost += reached - saved

        status, events = samples.train(self.data, run, **settings)
        assert status == 0
        assert events[-1]["model_sha256"] == self.whole["model_sha256"]
        assert events[-1]["attempts"] == 4
        assert events[-1]["lost_steps"] == lost > 0
        assert json.loads((run / "results.json").read_text())["attempts"] == 4

    def test_a_checkpoint_is_written_when_asked_for(self) -> None:
        run = self.root / "asked"
        process = samples.start(
            samples.TRAIN, **samples.settings(self.data, run, **{**SETTINGS, "CHECKPOINT_EVERY_STEPS": 10**6})
        )
        asked = 0
        for line in process.stdout or ():
            event = json.loads(line)
            if event["event"] == "step" and not asked:
                asked = event["step"]
                process.send_signal(signal.SIGUSR1)
            if event["event"] == "checkpoint":
                assert event["step"] >= asked
                break
        else:
            self.fail("there was no checkpoint")
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert json.loads(rest.splitlines()[-1])["model_sha256"] == self.whole["model_sha256"]

    def test_the_smoke_test_says_what_it_computed_on(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "workloads.smoke"], capture_output=True, text=True, check=False
        )
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["passed"], found
        assert found["torch"] == torch.__version__
        assert (found["device"] == "cuda") == bool(torch.version.cuda)
        assert bool(found["gpus"]) != bool(found["nvidia_smi"])


if __name__ == "__main__":
    unittest.main()
