"""What the bucket and the image repositories of an environment on AWS declare."""

import json
from typing import Any

from components import ACCOUNT, declare
from recorder import Recording

from infra.registry.ecr import Repositories, RepositoriesArgs
from infra.storage.aws import AwsBucket, AwsBucketArgs, connection
from infra.storage.connection import client


def bucket(**changes: Any) -> Recording:
    values: dict[str, Any] = {
        "bucket": "berth-trial",
        "region": "us-east-1",
        "account_id": ACCOUNT,
        **changes,
    }

    def make() -> dict[str, Any]:
        made = AwsBucket("data", AwsBucketArgs(**values))
        return {"bucket": made.bucket, "arn": made.arn}

    return declare(make)


def statements(recording: Recording) -> dict[str, Any]:
    policy = json.loads(recording.one("BucketPolicy").inputs["policy"])
    return {one["Sid"]: one for one in policy["Statement"]}


def rules(recording: Recording) -> dict[str, Any]:
    found = recording.one("BucketLifecycleConfiguration").inputs["rules"]
    return {one["id"]: one for one in found}


def test_the_bucket_is_closed_to_the_public() -> None:
    closed = dict(bucket().one("BucketPublicAccessBlock").inputs)
    del closed["bucket"]
    assert len(closed) == 4
    assert all(value is True for value in closed.values())
    owned = bucket().one("BucketOwnershipControls").inputs["rule"]
    assert owned == {"objectOwnership": "BucketOwnerEnforced"}, "no access by lists at all"


def test_nothing_is_read_or_written_without_tls() -> None:
    (only,) = statements(bucket()).values()
    assert (only["Effect"], only["Principal"], only["Action"]) == ("Deny", "*", "s3:*")
    assert only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(only["Resource"]) == 2, "the bucket and what is in it"


def test_objects_are_encrypted_and_versioned() -> None:
    recording = bucket()
    assert "AES256" in repr(recording.one("BucketServerSideEncryptionConfiguration").inputs["rules"])
    assert recording.one("BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}


def test_old_versions_and_unfinished_uploads_go() -> None:
    found = rules(bucket(old_versions_days=3))
    assert set(found) == {"leftovers"}
    assert found["leftovers"]["noncurrentVersionExpiration"] == {"noncurrentDays": 3}
    assert found["leftovers"]["abortIncompleteMultipartUpload"]["daysAfterInitiation"] >= 1
    assert "days" not in found["leftovers"]["expiration"], "what is current stays"


def test_the_bucket_goes_with_the_environment() -> None:
    assert bucket().one("Bucket").inputs["forceDestroy"] is True


def test_flow_logs_are_let_in_where_they_are_wanted() -> None:
    recording = bucket(flow_logs=True, log_days=14)
    found = statements(recording)
    write = found["FlowLogsWrite"]
    assert write["Resource"].endswith(f"/AWSLogs/{ACCOUNT}/*")
    for one in (write, found["FlowLogsCheck"]):
        assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        assert one["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:*"}
    assert rules(recording)["flow-logs"]["expiration"] == {"days": 14}
    assert "TlsOnly" in found


def test_the_outputs_wait_for_the_settings() -> None:
    assert bucket().outputs == {
        "bucket": "berth-trial",
        "arn": f"arn:aws:service:us-east-1:{ACCOUNT}:data-bucket",
    }


def test_aws_chooses_its_endpoint_unless_the_standard_variable_does(monkeypatch: Any) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    ours = connection("eu-north-1").as_property()
    assert client(ours).meta.endpoint_url == "https://s3.eu-north-1.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert client(ours).meta.endpoint_url == "http://127.0.0.1:4566"


def repositories() -> Recording:
    args = RepositoriesArgs(names={"train": "trial/train", "serve": "trial/serve"}, keep=5)
    return declare(lambda: {"urls": Repositories("images", args).urls})


def test_a_repository_for_every_image() -> None:
    assert repositories().outputs["urls"] == {
        name: f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/trial/{name}" for name in ("train", "serve")
    }


def test_repositories_scan_encrypt_and_never_move_a_tag() -> None:
    for one in repositories().of("Repository"):
        assert one.inputs["imageTagMutability"] == "IMMUTABLE"
        assert one.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert one.inputs["encryptionConfigurations"] == [{"encryptionType": "AES256"}]
        assert one.inputs["forceDelete"] is True


def test_old_images_expire() -> None:
    policies = repositories().of("LifecyclePolicy")
    assert len(policies) == 2
    for one in policies:
        first, last = json.loads(one.inputs["policy"])["rules"]
        assert first["selection"]["tagStatus"] == "untagged"
        assert last["selection"]["countNumber"] == 5
        assert first["rulePriority"] < last["rulePriority"], "tagStatus any must come last"
