"""Buckets, and the settings of buckets that are resources of their own.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.functions.stores import S3_ZONES
from rehearsal.providers.aws.shapes import camel
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Failure, Values

_AT_ONCE: Final = 1000  # the most that DeleteObjects takes
_EMPTYINGS: Final = 5

# Bucket


def _create_bucket(api: Api, new: Values) -> str:
    elsewhere = {"LocationConstraint": api.region} if api.region != "us-east-1" else None
    api.call(
        "create_bucket",
        Bucket=new["bucket"],
        CreateBucketConfiguration=elsewhere,
        ObjectLockEnabledForBucket=new.get("objectLockEnabled") or None,
    )
    return str(new["bucket"])


def _set_tags(api: Api, bucket: str, old: Values, new: Values) -> None:
    del old
    if new.get("tags"):
        api.call("put_bucket_tagging", Bucket=bucket, Tagging={"TagSet": tag_list(new["tags"])})


def _tags(api: Api, bucket: str) -> dict[str, str]:
    try:
        return tag_map(api.call("get_bucket_tagging", Bucket=bucket)["TagSet"])
    except AwsError as error:
        if error.code == "NoSuchTagSet":
            return {}
        raise


def _write_tags(api: Api, bucket: str, known: Values, tags: dict[str, str]) -> None:
    """S3 knows all of a bucket's tags or none."""
    _set_tags(api, bucket, known, {"tags": {**_tags(api, bucket), **tags}})


def _remove_tags(api: Api, bucket: str, known: Values, keys: list[str]) -> None:
    left = {key: value for key, value in _tags(api, bucket).items() if key not in keys}
    if left:
        _set_tags(api, bucket, known, {"tags": left})
    else:
        api.call("delete_bucket_tagging", Bucket=bucket)


def _read_bucket(api: Api, bucket: str, known: Values) -> Values | None:
    del known
    api.call("head_bucket", Bucket=bucket)
    region = api.call("get_bucket_location", Bucket=bucket).get("LocationConstraint") or "us-east-1"
    try:
        lock = api.call("get_object_lock_configuration", Bucket=bucket)["ObjectLockConfiguration"]
    except AwsError as error:
        if error.code != "ObjectLockConfigurationNotFoundError":
            raise
        lock = {}
    return {
        "arn": f"arn:{api.account.partition}:s3:::{bucket}",
        "bucket": bucket,
        "bucketDomainName": f"{bucket}.s3.amazonaws.com",
        "bucketRegion": region,
        "bucketRegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
        "hostedZoneId": S3_ZONES.get(region, ""),
        "objectLockEnabled": lock.get("ObjectLockEnabled") == "Enabled",
        "tags": _tags(api, bucket),
    }


def _find_bucket(api: Api, new: Values) -> list[str]:
    """Bucket names are the world's; ListBuckets names only those of the account."""
    buckets = api.call("list_buckets")["Buckets"]
    return [bucket["Name"] for bucket in buckets if bucket["Name"] == new["bucket"]]


def empty(api: Api, bucket: str, prefix: str = "", only: str | None = None) -> None:
    """Delete every version and marker under a prefix, or of one key; and give up unfinished uploads."""
    while True:
        page = api.call("list_object_versions", Bucket=bucket, Prefix=prefix, MaxKeys=_AT_ONCE)
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        chosen = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in found
            if only in (None, item["Key"])
        ]
        if chosen:
            api.call("delete_objects", Bucket=bucket, Delete={"Objects": chosen, "Quiet": True})
        if not chosen or not page.get("IsTruncated"):
            break
    if only is None:
        for upload in api.call("list_multipart_uploads", Bucket=bucket).get("Uploads", ()):
            api.call("abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def _delete_bucket(api: Api, bucket: str, known: Values) -> None:
    """By `forceDestroy` with all it holds; while somebody still writes, more than once."""
    forced = bool(known.get("forceDestroy"))
    for attempt in range(_EMPTYINGS):
        if forced:
            empty(api, bucket)
        try:
            api.call("delete_bucket", Bucket=bucket)
        except AwsError as error:
            if error.code != "BucketNotEmpty" or not forced or attempt == _EMPTYINGS - 1:
                raise
            api.pause(attempt, f"{bucket} was written to meanwhile; emptying it again")
        else:
            return


BUCKET: Final = Type(
    "aws:s3/bucket:Bucket",
    "s3",
    create=_create_bucket,
    after=_set_tags,
    read=_read_bucket,
    delete=_delete_bucket,
    find=_find_bucket,
    replace_on=frozenset({"bucket", "bucketPrefix", "objectLockEnabled"}),
    local=frozenset({"forceDestroy"}),
    tags=Tagging(write=_write_tags, remove=_remove_tags),
    autoname=Autoname(prop="bucket", prefix="bucketPrefix", longest=63, lower=True),
    defaults={"forceDestroy": False},
    gone=frozenset({"404", "NoSuchBucket"}),
)

# Settings of a bucket: one put, one get, one delete; the id is the bucket's name


def _setting(
    name: str,
    put: Callable[[Api, str, Values], Any],
    get: Callable[[Api, str, Values], Values | None],
    delete: Callable[[Api, str], Any],
    *,
    update: Iterable[str],
    absent: Iterable[str] = (),
    local: Iterable[str] = (),
) -> Type:
    """`absent` are the codes by which S3 says that the bucket has no such setting."""

    def change(api: Api, bucket: str, old: Values, new: Values) -> None:
        del old
        put(api, bucket, new)

    def create(api: Api, new: Values) -> str:
        put(api, new["bucket"], new)
        return str(new["bucket"])

    def read(api: Api, bucket: str, known: Values) -> Values | None:
        found = get(api, bucket, known)
        return None if found is None else {"bucket": bucket, **found}

    owner = {"expectedBucketOwner"} if "expectedBucketOwner" in local else set()
    return Type(
        f"aws:s3/{name[0].lower()}{name[1:]}:{name}",
        "s3",
        create=create,
        read=read,
        delete=lambda api, bucket, _: delete(api, bucket),
        update=dict.fromkeys(update, change),
        replace_on=frozenset({"bucket"} | owner),
        local=frozenset(local) - owner,
        gone=frozenset({"NoSuchBucket", *absent}),
    )


def _put_versioning(api: Api, bucket: str, new: Values) -> None:
    wanted = new["versioningConfiguration"]
    if wanted["status"] == "Disabled":  # what a bucket is that never had it
        return
    configuration = {"Status": wanted["status"], "MFADelete": wanted.get("mfaDelete")}
    given = {key: value for key, value in configuration.items() if value}
    api.call("put_bucket_versioning", Bucket=bucket, VersioningConfiguration=given, MFA=new.get("mfa"))


def _get_versioning(api: Api, bucket: str, known: Values) -> Values:
    del known
    found = api.call("get_bucket_versioning", Bucket=bucket)
    state = {"status": found.get("Status", "Disabled"), "mfaDelete": found.get("MFADelete")}
    return {"versioningConfiguration": {key: value for key, value in state.items() if value}}


def _suspend(api: Api, bucket: str) -> None:
    """Versioning that was on cannot be unset."""
    if api.call("get_bucket_versioning", Bucket=bucket).get("Status") == "Enabled":
        api.call("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def _put_encryption(api: Api, bucket: str, new: Values) -> None:
    rules = []
    for rule in new["rules"]:
        default = rule.get("applyServerSideEncryptionByDefault")
        made: Values = {"BucketKeyEnabled": bool(rule.get("bucketKeyEnabled"))}
        if default:
            named = {"SSEAlgorithm": default["sseAlgorithm"], "KMSMasterKeyID": default.get("kmsMasterKeyId")}
            made["ApplyServerSideEncryptionByDefault"] = {k: v for k, v in named.items() if v}
        if rule.get("blockedEncryptionTypes"):
            made["BlockedEncryptionTypes"] = {"EncryptionType": rule["blockedEncryptionTypes"]}
        rules.append(made)
    api.call("put_bucket_encryption", Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _get_encryption(api: Api, bucket: str, known: Values) -> Values:
    del known
    found = api.call("get_bucket_encryption", Bucket=bucket)["ServerSideEncryptionConfiguration"]
    rules = []
    for rule in found["Rules"]:
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        made: Values = {"sseAlgorithm": default.get("SSEAlgorithm", "AES256")}
        if default.get("KMSMasterKeyID"):
            made["kmsMasterKeyId"] = default["KMSMasterKeyID"]
        blocked = rule.get("BlockedEncryptionTypes", {}).get("EncryptionType")
        rules.append(
            {
                "applyServerSideEncryptionByDefault": made,
                "bucketKeyEnabled": bool(rule.get("BucketKeyEnabled")),
                **({"blockedEncryptionTypes": blocked} if blocked else {}),
            }
        )
    return {"rules": rules}


_BLOCKS: Final = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


def _put_block(api: Api, bucket: str, new: Values) -> None:
    wanted = {theirs: bool(new.get(ours)) for ours, theirs in _BLOCKS.items()}
    api.call("put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=wanted)


def _get_block(api: Api, bucket: str, known: Values) -> Values:
    del known
    found = api.call("get_public_access_block", Bucket=bucket)["PublicAccessBlockConfiguration"]
    return {ours: bool(found.get(theirs)) for ours, theirs in _BLOCKS.items()}


def _put_ownership(api: Api, bucket: str, new: Values) -> None:
    rules = [{"ObjectOwnership": new["rule"]["objectOwnership"]}]
    api.call("put_bucket_ownership_controls", Bucket=bucket, OwnershipControls={"Rules": rules})


def _get_ownership(api: Api, bucket: str, known: Values) -> Values:
    del known
    found = api.call("get_bucket_ownership_controls", Bucket=bucket)["OwnershipControls"]
    return {"rule": {"objectOwnership": found["Rules"][0]["ObjectOwnership"]}}


def _put_logging(api: Api, bucket: str, new: Values) -> None:
    shape = "put_bucket_logging"
    wanted = {key: new.get(key) for key in ("targetBucket", "targetGrants", "targetObjectKeyFormat")}
    filled = api.fill(
        shape, {"status": {"loggingEnabled": wanted}}, renamed={"status": "BucketLoggingStatus"}
    )
    # An empty prefix is one, too, and required.
    filled["BucketLoggingStatus"]["LoggingEnabled"]["TargetPrefix"] = new["targetPrefix"]
    api.call(shape, Bucket=bucket, **filled)


def _get_logging(api: Api, bucket: str, known: Values) -> Values | None:
    del known
    found = api.call("get_bucket_logging", Bucket=bucket).get("LoggingEnabled")
    return camel(found) if found else None


def _put_policy(api: Api, bucket: str, new: Values) -> None:
    api.call("put_bucket_policy", Bucket=bucket, Policy=new["policy"])


def _get_policy(api: Api, bucket: str, known: Values) -> Values:
    found = api.call("get_bucket_policy", Bucket=bucket)["Policy"]
    return {"policy": kept(known.get("policy"), found)}


def _one_status(values: Values) -> list[Failure]:
    status = (values.get("versioningConfiguration") or {}).get("status")
    known = ("Enabled", "Suspended", "Disabled")
    if isinstance(status, str) and status not in known:
        return [Failure("versioningConfiguration.status", f"expected one of {', '.join(known)}")]
    return []


POLICY: Final = replace(
    _setting(
        "BucketPolicy",
        _put_policy,
        _get_policy,
        lambda api, bucket: api.call("delete_bucket_policy", Bucket=bucket),
        update=["policy"],
        absent=["NoSuchBucketPolicy"],
    ),
    same={"policy": same_json},
    normalise=texts("policy"),
)

TYPES = [
    BUCKET,
    POLICY,
    replace(
        _setting(
            "BucketVersioning",
            _put_versioning,
            _get_versioning,
            _suspend,
            update=["versioningConfiguration"],
            local=["expectedBucketOwner", "mfa"],
        ),
        check=_one_status,
        lasting=True,
    ),
    replace(
        _setting(
            "BucketServerSideEncryptionConfiguration",
            _put_encryption,
            _get_encryption,
            lambda api, bucket: api.call("delete_bucket_encryption", Bucket=bucket),
            update=["rules"],
            absent=["ServerSideEncryptionConfigurationNotFoundError"],
            local=["expectedBucketOwner"],
        ),
        lasting=True,  # every bucket is encrypted: by S3's own key again
    ),
    _setting(
        "BucketPublicAccessBlock",
        _put_block,
        _get_block,
        lambda api, bucket: api.call("delete_public_access_block", Bucket=bucket),
        update=_BLOCKS,
        absent=["NoSuchPublicAccessBlockConfiguration"],
    ),
    _setting(
        "BucketOwnershipControls",
        _put_ownership,
        _get_ownership,
        lambda api, bucket: api.call("delete_bucket_ownership_controls", Bucket=bucket),
        update=["rule"],
        absent=["OwnershipControlsNotFoundError"],
    ),
    _setting(
        "BucketLogging",
        _put_logging,
        _get_logging,
        lambda api, bucket: api.call("put_bucket_logging", Bucket=bucket, BucketLoggingStatus={}),
        update=["targetBucket", "targetPrefix", "targetGrants", "targetObjectKeyFormat"],
        local=["expectedBucketOwner"],
    ),
]
