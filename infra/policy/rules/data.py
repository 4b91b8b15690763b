"""Data is nobody else's: neither buckets nor images, snapshots and disk images are public."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.policy.model import UNKNOWN, Resource, Rule, is_true, listed, statements

_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_BLOCKS = (_BLOCK, "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock")
_POLICIES = ("aws:s3/bucketPolicy:BucketPolicy", "aws:ecr/repositoryPolicy:RepositoryPolicy")
_ENCRYPTIONS = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
_SHARING = (
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
    "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
)
_SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
# Who these name is anybody with an account of their own.
_EVERYBODY = {"authenticated-read", "public-read", "public-read-write"}
_ONE_OF_OURS = (
    "aws:SourceAccount",
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:SourceVpce",
    "aws:SourceVpc",
)


def private(resource: Resource) -> Iterator[str]:
    if resource.type.startswith("aws:s3/bucket") and resource.at("acl") in _EVERYBODY:
        yield f"its access list is {resource.at('acl')}; leave it out: the owner has access without one"
    if resource.type in _BLOCKS:
        off = [name for name in _SWITCHES if not is_true(resource.at(name))]
        if off:
            yield f"leaves {', '.join(off)} off; set all four to true"
    if resource.type in _POLICIES:
        for one in statements(resource.at("policy")):
            if _for_everybody(one):
                yield f"its policy allows {one.get('Action')} to everybody; name a principal"
    if resource.type == "aws:ecrpublic/repository:Repository":
        yield "is a public registry; aws:ecr/repository:Repository is private"
    if resource.type == "aws:ec2/amiLaunchPermission:AmiLaunchPermission" and resource.at("group") == "all":
        yield "lets everybody launch the image; name an account"
    if resource.type in _SHARING and resource.at("state") == "unblocked":
        yield "lets disk images or snapshots be made public; set state to block-new-sharing"


def _for_everybody(statement: Any) -> bool:
    """Whether a statement allows something to any principal, and no condition keeps it in the family."""
    principal = statement.get("Principal")
    who = (
        [one for value in principal.values() for one in listed(value)]
        if isinstance(principal, dict)
        else [principal]
    )
    condition = statement.get("Condition")
    tests = condition.values() if isinstance(condition, dict) else ()
    keys = {key for test in tests if isinstance(test, dict) for key in test}
    return statement.get("Effect") == "Allow" and "*" in who and not keys & set(_ONE_OF_OURS)


def buckets_are_closed(resources: Sequence[Resource]) -> Iterator[tuple[str, Resource | None]]:
    for bucket in (one for one in resources if one.type in _BUCKETS):
        own = [one for one in resources if one.refers_to(bucket, "bucket")]
        kinds = {one.type for one in own}
        if _BLOCK not in kinds:
            yield "nothing blocks public access to it; add a BucketPublicAccessBlock", bucket
        if not kinds & set(_ENCRYPTIONS) and not bucket.at("serverSideEncryptionConfiguration"):
            yield "its encryption is not configured; add a BucketServerSideEncryptionConfiguration", bucket
        policies = [one.at("policy") for one in own if one.type in _POLICIES]
        policies += [bucket.at("policy")] if bucket.at("policy") else []
        if not any(policy is UNKNOWN or _denies_plain_http(policy) for policy in policies):
            yield "it answers without TLS; add a policy that denies aws:SecureTransport false", bucket


def _denies_plain_http(policy: Any) -> bool:
    return any(
        one.get("Effect") == "Deny" and _asked(one, "Bool", "aws:SecureTransport") == "false"
        for one in statements(policy)
    )


def _asked(statement: Mapping[str, Any], test: str, key: str) -> str:
    """What a statement's condition compares a key with, in lower case."""
    condition = statement.get("Condition")
    found = condition.get(test) if isinstance(condition, Mapping) else None
    return str(found.get(key)).lower() if isinstance(found, Mapping) else ""


NO_PUBLIC_DATA = Rule(
    name="no-public-data",
    description="No bucket, image repository or disk image is open to everybody.",
    resource=private,
)
CLOSED_BUCKETS = Rule(
    name="closed-buckets",
    description="Every bucket blocks public access, is encrypted, and is reached by TLS alone.",
    stack=buckets_are_closed,
)
