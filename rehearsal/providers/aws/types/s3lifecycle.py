"""What becomes of a bucket's objects with time.

The API has one form for filters and the SDK another (a map of tags, an empty prefix that means everything):
https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html
"""

from datetime import datetime
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.shapes import rfc3339
from rehearsal.providers.aws.table import Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Values

_SIZES: Final = {
    "objectSizeGreaterThan": "ObjectSizeGreaterThan",
    "objectSizeLessThan": "ObjectSizeLessThan",
}
_PARTS: Final = {  # property → the API's name, and its fields
    "expiration": (
        "Expiration",
        {"date": "Date", "days": "Days", "expiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"},
    ),
    "noncurrentVersionExpiration": (
        "NoncurrentVersionExpiration",
        {"noncurrentDays": "NoncurrentDays", "newerNoncurrentVersions": "NewerNoncurrentVersions"},
    ),
    "abortIncompleteMultipartUpload": (
        "AbortIncompleteMultipartUpload",
        {"daysAfterInitiation": "DaysAfterInitiation"},
    ),
    "transitions": ("Transitions", {"date": "Date", "days": "Days", "storageClass": "StorageClass"}),
    "noncurrentVersionTransitions": (
        "NoncurrentVersionTransitions",
        {
            "noncurrentDays": "NoncurrentDays",
            "newerNoncurrentVersions": "NewerNoncurrentVersions",
            "storageClass": "StorageClass",
        },
    ),
}


def _to_api(rule: Values) -> Values:
    made: Values = {"Status": rule["status"], **({"ID": rule["id"]} if rule.get("id") else {})}
    if rule.get("prefix"):
        made["Prefix"] = rule["prefix"]
    else:
        made["Filter"] = _filter(rule.get("filter") or {})
    for ours, (theirs, fields) in _PARTS.items():
        part = rule.get(ours)
        if isinstance(part, list):
            made[theirs] = [_renamed(item, fields) for item in part]
        elif part:
            made[theirs] = _renamed(part, fields)
    return made


def _renamed(part: Values, fields: dict[str, str]) -> Values:
    """Zero and false say nothing beside another field; AWS refuses them there."""
    return {theirs: part[ours] for ours, theirs in fields.items() if part.get(ours)}


def _filter(given: Values) -> Values:
    if both := given.get("and"):
        made: Values = {theirs: both[ours] for ours, theirs in _SIZES.items() if both.get(ours)}
        if both.get("prefix"):
            made["Prefix"] = both["prefix"]
        return {"And": {**made, "Tags": tag_list(both.get("tags"))} if both.get("tags") else made}
    if tag := given.get("tag"):
        return {"Tag": {"Key": tag["key"], "Value": tag["value"]}}
    sizes = {theirs: given[ours] for ours, theirs in _SIZES.items() if given.get(ours)}
    return sizes or {"Prefix": given.get("prefix", "")}


def _from_api(rule: Values) -> Values:
    made: Values = {"id": rule.get("ID", ""), "status": rule["Status"]}
    if rule.get("Prefix"):
        made["prefix"] = rule["Prefix"]
    if "Filter" in rule:
        made["filter"] = _shown_filter(rule["Filter"])
    for ours, (theirs, fields) in _PARTS.items():
        part = rule.get(theirs)
        if isinstance(part, list):
            made[ours] = [_shown(item, fields) for item in part]
        elif part:
            made[ours] = _shown(part, fields)
    return made


def _shown(part: Values, fields: dict[str, str]) -> Values:
    return {ours: _value(part[theirs]) for ours, theirs in fields.items() if part.get(theirs)}


def _value(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value


def _shown_filter(given: Values) -> Values:
    if both := given.get("And"):
        made: Values = {ours: both[theirs] for ours, theirs in _SIZES.items() if both.get(theirs)}
        if both.get("Prefix"):
            made["prefix"] = both["Prefix"]
        return {"and": {**made, "tags": tag_map(both["Tags"])} if both.get("Tags") else made}
    if tag := given.get("Tag"):
        return {"tag": {"key": tag["Key"], "value": tag["Value"]}}
    sizes = {ours: given[theirs] for ours, theirs in _SIZES.items() if given.get(theirs)}
    return sizes or {"prefix": given.get("Prefix") or ""}


def _put(api: Api, bucket: str, old: Values, new: Values) -> None:
    del old
    api.call(
        "put_bucket_lifecycle_configuration",
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [_to_api(rule) for rule in new.get("rules", ())]},
        TransitionDefaultMinimumObjectSize=new.get("transitionDefaultMinimumObjectSize"),
    )


def _create(api: Api, new: Values) -> str:
    _put(api, new["bucket"], {}, new)
    return str(new["bucket"])


def _read(api: Api, bucket: str, known: Values) -> Values | None:
    del known
    found = api.call("get_bucket_lifecycle_configuration", Bucket=bucket)
    minimum = found.get("TransitionDefaultMinimumObjectSize") or "all_storage_classes_128K"
    return {
        "bucket": bucket,
        "rules": [_from_api(rule) for rule in found["Rules"]],
        "transitionDefaultMinimumObjectSize": minimum,
    }


TYPES = [
    Type(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3",
        create=_create,
        read=_read,
        delete=lambda api, bucket, _: api.call("delete_bucket_lifecycle", Bucket=bucket),
        update={"rules": _put, "transitionDefaultMinimumObjectSize": _put},
        replace_on=frozenset({"bucket", "expectedBucketOwner"}),
        local=frozenset({"timeouts"}),
        computed=frozenset({"transitionDefaultMinimumObjectSize"}),
        choices={"rules.status": ("Enabled", "Disabled")},
        gone=frozenset({"NoSuchBucket", "NoSuchLifecycleConfiguration"}),
    )
]
