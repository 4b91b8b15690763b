"""Stores, checkpoints and model files, in a bucket and in a directory alike."""

import json
from pathlib import Path

import pytest

from workloads.common import bundle
from workloads.common.storage import DirectoryStore, NotFound, S3Options, S3Store, StorageError, Store
from workloads.train.checkpoints import Checkpoints

ABOUT = {
    "height": 8,
    "width": 8,
    "classes": 10,
    "pixel_max": 16,
    "channels": 4,
    "accuracy": 0.9,
    "parameters": 1,
    "torch": "2.6",
}


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    found: Store = request.getfixturevalue("s3") if request.param == "s3" else DirectoryStore(tmp_path)
    return found


def test_an_object_comes_back_with_its_metadata(store: Store) -> None:
    store.put("a/b", b"1", {"sha256": "x"})
    store.put("a/c", b"2")
    assert store.get("a/b") == (b"1", {"sha256": "x"})
    assert store.keys("a/") == ["a/b", "a/c"]
    store.delete("a/b")
    store.delete("a/b")
    with pytest.raises(NotFound, match="a/b"):
        store.get("a/b")


def test_an_unreachable_service_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    store = S3Store(S3Options(s3_bucket="b", aws_endpoint_url_s3="http://127.0.0.1:9"), attempts=1)
    with pytest.raises(StorageError, match="s3://b/key"):
        store.get("key")


def test_a_nonsense_endpoint_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="not a url"):
        S3Store(S3Options(s3_bucket="b", aws_endpoint_url_s3="not a url"))


def test_checkpoints_come_newest_first_and_only_some_are_kept(store: Store) -> None:
    checkpoints = Checkpoints(store, "run/", keep=2)
    for step in (10, 20, 30):
        checkpoints.save(step, f"state {step}".encode())
    assert [found.step for found in checkpoints.newest_first()] == [30, 20]
    assert json.loads(store.get("run/checkpoints/latest.json")[0])["step"] == 30


def test_damaged_checkpoints_are_skipped_and_named(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = Checkpoints(store, "", keep=3)
    for step in (10, 20, 30):
        checkpoints.save(step, f"state {step}".encode())
    good = store.get("checkpoints/step-0000000030.pt")[1]
    store.put("checkpoints/step-0000000030.pt", b"half", good)
    store.put("checkpoints/latest.json", b"{half")
    assert [found.data for found in checkpoints.newest_first()] == [b"state 20", b"state 10"]
    skipped = [json.loads(line)["key"] for line in capsys.readouterr().out.splitlines()]
    assert skipped == ["checkpoints/latest.json", "checkpoints/step-0000000030.pt"]
    # What was newer than the present state, and bad, does not stay in the way.
    checkpoints.save(25, b"state 25")
    assert [found.step for found in checkpoints.newest_first()] == [25, 20, 10]


def test_a_model_is_read_by_prefix_and_by_manifest_and_the_old_weights_go(store: Store) -> None:
    bundle.save(store, "m/", b"old", ABOUT)
    saved = bundle.save(store, "m/", b"new", ABOUT)
    for key in ("m", "m/", "m/model.json"):
        assert bundle.load(store, key) == (saved, b"new")
    assert len(store.keys("m/")) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [("weights", b"tampered"), ("model.json", b"{}"), ("model.json", b"[1]"), ("model.json", b"\xff")],
)
def test_a_model_that_is_not_whole_is_refused(store: Store, name: str, content: bytes) -> None:
    saved = bundle.save(store, "", b"weights", ABOUT)
    store.put(saved.weights if name == "weights" else name, content)
    with pytest.raises(bundle.BadModel):
        bundle.load(store, "")


def test_a_model_of_another_format_is_refused(store: Store) -> None:
    bundle.save(store, "", b"weights", ABOUT | {"format": "other/9"})
    with pytest.raises(bundle.BadModel, match="other/9"):
        bundle.load(store, "")
