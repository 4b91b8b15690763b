"""Buckets and objects on an S3 server: written, compared, read back and removed."""

import base64
import io
import pickle
from collections.abc import Iterator
from typing import Any

import dill
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from pulumi.dynamic.dynamic import serialize_provider

from infra.problems import ConfigError
from infra.storage.access import key_pair
from infra.storage.connection import S3Credentials, client, credentials
from infra.storage.providers import BucketProvider, JsonReader, ObjectProvider, StorageError
from infra.workload import dataset

Props = dict[str, Any]


def body() -> bytes:
    return b"content"


def other_body() -> bytes:
    return b"other content"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def props(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Props:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    connection = {
        "endpoint_url": server,
        "region": "us-east-1",
        "signature_version": "s3v4",
        "addressing_style": "path",
    }
    # One bucket a test: the server lives as long as this file's tests do.
    name = "test-" + base64.b32encode(request.node.name[-30:].encode()).decode().lower().strip("=")
    return {"bucket": name[:63].rstrip("-"), "connection": connection, "__provider": "pickle"}


def put(props: Props, key: str, content: bytes) -> None:
    client(props["connection"]).put_object(Bucket=props["bucket"], Key=key, Body=content)


def gone(props: Props) -> bool:
    return bool(BucketProvider().read(props["bucket"], props).id == "")


def test_a_bucket_is_made_read_and_removed(props: Props) -> None:
    provider = BucketProvider()
    made = provider.create(props)
    assert made.id == props["bucket"]
    assert provider.read(made.id, props).id == made.id
    provider.delete(made.id, props)
    assert gone(props)
    provider.delete(made.id, props)  # a bucket that somebody has removed is no trouble


def test_a_bucket_in_another_region_says_where(props: Props) -> None:
    elsewhere = {**props, "connection": {**props["connection"], "region": "eu-north-1"}}
    BucketProvider().create(elsewhere)
    where = client(elsewhere["connection"]).get_bucket_location(Bucket=props["bucket"])
    assert where["LocationConstraint"] == "eu-north-1"


def test_a_bucket_goes_with_its_objects_versions_and_unfinished_uploads(props: Props) -> None:
    BucketProvider().create(props)
    s3 = client(props["connection"])
    s3.put_bucket_versioning(Bucket=props["bucket"], VersioningConfiguration={"Status": "Enabled"})
    for content in (b"one", b"two"):
        put(props, "kept", content)
        put(props, "deleted", content)
    s3.delete_object(Bucket=props["bucket"], Key="deleted")
    s3.create_multipart_upload(Bucket=props["bucket"], Key="unfinished")
    BucketProvider().delete(props["bucket"], props)
    assert gone(props)


def test_more_objects_than_a_page_are_removed(props: Props, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.storage.providers._PAGE", 2)
    BucketProvider().create(props)
    for number in range(5):
        put(props, f"key-{number}", b"")
    BucketProvider().delete(props["bucket"], props)
    assert gone(props)


def test_a_bucket_that_holds_something_is_not_taken_over(props: Props) -> None:
    BucketProvider().create(props)
    put(props, "somebody's", b"work")
    with pytest.raises(StorageError, match="exists already and is not empty"):
        BucketProvider().create(props)


def test_an_empty_bucket_that_an_interrupted_run_left_is_taken_over(props: Props) -> None:
    BucketProvider().create(props)
    assert BucketProvider().create(props).id == props["bucket"]


def test_a_server_that_does_not_answer_is_named(props: Props, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    props["connection"]["endpoint_url"] = "http://127.0.0.1:1"
    with pytest.raises(StorageError, match=r"cannot be created.*127\.0\.0\.1:1"):
        BucketProvider().create(props)


def test_a_renamed_bucket_is_replaced_and_another_server_is_not() -> None:
    old: Props = {"bucket": "a", "connection": {"endpoint_url": "http://1"}}
    assert BucketProvider().diff("a", old, {**old, "bucket": "b"}).replaces == ["bucket"]
    moved = BucketProvider().diff("a", old, {**old, "connection": {"endpoint_url": "http://2"}})
    assert (moved.changes, moved.replaces) == (True, [])
    assert BucketProvider().diff("a", old, dict(old)).changes is False


def object_props(props: Props, digest: str = "one") -> Props:
    BucketProvider().create(props)
    return {**props, "key": "folder/object", "source_digest": digest}


def test_an_object_is_written_with_its_digest_and_removed(props: Props) -> None:
    wanted = object_props(props)
    provider = ObjectProvider(body)
    made = provider.create(wanted)
    assert made.id == f"{props['bucket']}/folder/object"
    assert made.outs is not None
    assert made.outs["size"] == len(body())
    live = provider.read(made.id, made.outs)
    assert live.outs is not None
    assert live.outs["source_digest"] == "one"
    provider.delete(made.id, made.outs)
    assert provider.read(made.id, made.outs).id == ""


def test_a_changed_source_is_written_again(props: Props) -> None:
    old = object_props(props)
    ObjectProvider(body).create(old)
    new = {**old, "source_digest": "two"}
    assert ObjectProvider(other_body).diff("", old, new).changes
    outs = ObjectProvider(other_body).update("", old, new).outs
    assert outs is not None
    assert outs["size"] == len(other_body())


def test_an_object_that_somebody_has_overwritten_shows_a_change(props: Props) -> None:
    wanted = object_props(props)
    provider = ObjectProvider(body)
    made = provider.create(wanted)
    assert made.outs is not None
    put(props, "folder/object", b"vandal")
    live = provider.read(made.id, made.outs)
    assert live.inputs is not None
    assert provider.diff(made.id, live.inputs, wanted).changes


def test_what_an_object_became_is_no_change_of_it(props: Props) -> None:
    wanted = object_props(props)
    made = ObjectProvider(body).create(wanted)
    assert made.outs is not None
    assert ObjectProvider(body).diff(made.id, made.outs, wanted).changes is False


def test_a_result_is_read_and_read_again_when_written_anew(props: Props) -> None:
    wanted = {**object_props(props), "written_by": "job-1"}
    put(props, "folder/object", b'{"accuracy": 0.98}')
    made = JsonReader().create(wanted)
    assert made.outs is not None
    assert made.outs["content"] == {"accuracy": 0.98}
    assert JsonReader().diff("", made.outs, wanted).changes is False
    assert JsonReader().diff("", made.outs, {**wanted, "written_by": "job-2"}).replaces == ["written_by"]
    JsonReader().delete(made.id, made.outs)
    assert JsonReader().read(made.id, made.outs).id == made.id, "reading a result never removes it"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), (b"{", "is not JSON"), (b"[1]", "is not a JSON object")]
)
def test_a_result_that_is_none_is_named(props: Props, content: bytes | None, reason: str) -> None:
    wanted = {**object_props(props), "written_by": "job-1"}
    if content is not None:
        put(props, "folder/object", content)
    with pytest.raises(StorageError, match=f"folder/object.*{reason}"):
        JsonReader().create(wanted)


def test_a_result_that_is_gone_is_gone(props: Props) -> None:
    assert JsonReader().read("id", {**object_props(props), "written_by": "job-1"}).id == ""


@pytest.mark.parametrize("provider", [BucketProvider(), ObjectProvider(dataset.archive), JsonReader()])
def test_a_provider_in_the_state_is_a_name_and_not_a_copy_of_the_code(provider: Any) -> None:
    pickled = serialize_provider(provider)
    assert pickled == serialize_provider(provider), "the same program shows no change"
    assert len(pickled) < 300
    assert isinstance(dill.loads(base64.b64decode(pickled)), type(provider))  # noqa: S301 - our own
    assert pickle.DEFAULT_PROTOCOL <= 5


def test_missing_key_pair_variables_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        credentials("local", {"AWS_ACCESS_KEY_ID": " "})
    assert [problem.path for problem in caught.value.problems] == [
        "environment variable AWS_ACCESS_KEY_ID",
        "environment variable AWS_SECRET_ACCESS_KEY",
    ]


def test_a_session_token_is_passed_on_only_where_there_is_one() -> None:
    pair = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert key_pair(credentials("local", pair)) == pair
    with_token = S3Credentials(access_key_id="a", secret_access_key="b", session_token="c")
    assert key_pair(with_token)["AWS_SESSION_TOKEN"] == "c"


def test_the_digits_archive_is_what_training_reads_and_the_same_every_time() -> None:
    made = dataset.archive()
    assert made == dataset.archive()
    with np.load(io.BytesIO(made), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["images", "labels"]
        images, labels = arrays["images"], arrays["labels"]
    assert (images.shape, images.dtype, images.max()) == ((1797, 8, 8), np.uint8, 16)
    assert (labels.shape, labels.dtype, sorted(set(labels))) == ((1797,), np.uint8, list(range(10)))


def test_the_digits_key_is_known_without_scikit_learn() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from infra.workload.dataset import packaged_digest; "
        "print(len(packaged_digest()), {'sklearn', 'numpy', 'boto3'} & set(sys.modules) or '-')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["16", "-"]
