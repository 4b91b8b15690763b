"""Options: one declaration, two spellings, every mistake at once."""

import subprocess
import sys

import pytest

from workloads.common.options import BadOptions, load
from workloads.serve.options import ServeOptions
from workloads.train.options import TrainOptions

GOOD = {"DATASET_FILE": "digits.npz", "RUN_DIR": "run"}


def test_a_flag_wins_over_the_variable_and_that_over_the_default() -> None:
    options = load(
        TrainOptions, "train", ["--epochs", "3"], GOOD | {"EPOCHS": "5", "SEED": "7", "THREADS": ""}
    )
    assert (options.epochs, options.seed, options.threads) == (3, 7, 1)


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(BadOptions) as caught:
        load(
            TrainOptions,
            "train",
            ["--learning-rate=fast", "--nonsense", "1"],
            GOOD | {"EPOCHS": "0", "S3_ADDRESSING_STYLE": "sideways", "CHECKPOINT_EVERY_STEPS": "1.5"},
        )
    text = "\n".join(caught.value.problems)
    for word in ("--nonsense", "EPOCHS='0'", "--learning-rate='fast'", "sideways", "CHECKPOINT_EVERY_STEPS"):
        assert word in text


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "DATASET_KEY"),
        (GOOD | {"DATASET_KEY": "k", "S3_BUCKET": "b"}, "not both"),
        ({"DATASET_KEY": "k", "RUN_PREFIX": "p"}, "S3_BUCKET"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(settings: dict[str, str], word: str) -> None:
    with pytest.raises(BadOptions, match=word):
        load(TrainOptions, "train", [], settings)


def test_not_a_number_is_no_delay() -> None:
    with pytest.raises(BadOptions, match="MAX_BATCH_DELAY_MS"):
        load(ServeOptions, "serve", [], {"MODEL_DIR": "m", "MAX_BATCH_DELAY_MS": "nan"})


@pytest.mark.parametrize("program", ["train", "serve"])
def test_the_programs_end_with_status_2_and_one_message(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"workloads.{program}", "--threads=0"],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.returncode == 2
    assert "--threads='0'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("program", ["train", "serve"])
def test_help_names_flag_variable_and_default(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"workloads.{program}", "--help"], capture_output=True, text=True, check=True
    )
    assert "--s3-bucket" in done.stdout
    assert "S3_BUCKET" in done.stdout
