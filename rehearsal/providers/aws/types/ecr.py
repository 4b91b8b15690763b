"""Repositories for container images.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Values

_ENCRYPTION: Final = {"encryptionType": "encryptionType", "kmsKey": "kmsKey"}


def _create(api: Api, new: Values) -> str:
    encryption = (new.get("encryptionConfigurations") or [None])[0]
    made = api.call(
        "create_repository",
        repositoryName=new["name"],
        tags=tag_list(new.get("tags")) or None,
        encryptionConfiguration={key: value for key, value in encryption.items() if value}
        if encryption
        else None,
        **api.fill(
            "create_repository",
            new,
            "imageScanningConfiguration",
            "imageTagMutability",
            "imageTagMutabilityExclusionFilters",
        ),
    )
    return str(made["repository"]["repositoryName"])


def _set_scanning(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    wanted = new.get("imageScanningConfiguration") or {"scanOnPush": False}
    api.call("put_image_scanning_configuration", repositoryName=name, imageScanningConfiguration=wanted)


def _set_mutability(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    api.call(
        "put_image_tag_mutability",
        repositoryName=name,
        imageTagMutability=new.get("imageTagMutability", "MUTABLE"),
        imageTagMutabilityExclusionFilters=new.get("imageTagMutabilityExclusionFilters") or None,
    )


def _read(api: Api, name: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_repositories", "repositories", repositoryNames=[name])
    if found is None:
        return None
    tags = api.call("list_tags_for_resource", resourceArn=found["repositoryArn"])["tags"]
    encryption = found.get("encryptionConfiguration") or {"encryptionType": "AES256"}
    return {
        "arn": found["repositoryArn"],
        "encryptionConfigurations": [
            {ours: encryption.get(theirs, "") for ours, theirs in _ENCRYPTION.items()}
        ],
        "imageScanningConfiguration": {
            "scanOnPush": bool(found.get("imageScanningConfiguration", {}).get("scanOnPush"))
        },
        "imageTagMutability": found.get("imageTagMutability", "MUTABLE"),
        "imageTagMutabilityExclusionFilters": found.get("imageTagMutabilityExclusionFilters", []),
        "name": found["repositoryName"],
        "registryId": found["registryId"],
        "repositoryUrl": found["repositoryUri"],
        "tags": tag_map(tags),
    }


def _delete(api: Api, name: str, known: Values) -> None:
    api.call("delete_repository", repositoryName=name, force=bool(known.get("forceDelete")))


def _find(api: Api, new: Values) -> list[str]:
    found = api.all("describe_repositories", "repositories")
    return [item["repositoryName"] for item in found if item["repositoryName"] == new["name"]]


def _write_tags(api: Api, name: str, known: Values, tags: dict[str, str]) -> None:
    del name
    api.call("tag_resource", resourceArn=known["arn"], tags=tag_list(tags))


def _remove_tags(api: Api, name: str, known: Values, keys: list[str]) -> None:
    del name
    api.call("untag_resource", resourceArn=known["arn"], tagKeys=keys)


REPOSITORY: Final = Type(
    "aws:ecr/repository:Repository",
    "ecr",
    create=_create,
    read=_read,
    delete=_delete,
    find=_find,
    update={
        "imageScanningConfiguration": _set_scanning,
        "imageTagMutability": _set_mutability,
        "imageTagMutabilityExclusionFilters": _set_mutability,
    },
    replace_on=frozenset({"name", "encryptionConfigurations"}),
    local=frozenset({"forceDelete"}),
    tags=Tagging(write=_write_tags, remove=_remove_tags),
    autoname=Autoname(prefix="", longest=256, lower=True),
    defaults={"imageTagMutability": "MUTABLE"},
    computed=frozenset({"encryptionConfigurations"}),
    choices={
        "imageTagMutability": (
            "MUTABLE",
            "IMMUTABLE",
            "IMMUTABLE_WITH_EXCLUSION",
            "MUTABLE_WITH_EXCLUSION",
        ),
        "encryptionConfigurations.encryptionType": ("AES256", "KMS", "KMS_DSSE"),
    },
)

# Policies of a repository


def _policy(token: str, operation: str, parameter: str, setter: str) -> Type:
    def put(api: Api, name: str, old: Values, new: Values) -> None:
        del old
        document = {parameter: new["policy"]}
        api.call(setter, repositoryName=name, **document)

    def create(api: Api, new: Values) -> str:
        put(api, new["repository"], {}, new)
        return str(new["repository"])

    def read(api: Api, name: str, known: Values) -> Values | None:
        found = api.call(f"get_{operation}", repositoryName=name)
        return {
            "policy": kept(known.get("policy"), found[parameter]),
            "registryId": found["registryId"],
            "repository": name,
        }

    return Type(
        token,
        "ecr",
        create=create,
        read=read,
        delete=lambda api, name, _: api.call(f"delete_{operation}", repositoryName=name),
        update={"policy": put},
        replace_on=frozenset({"repository"}),
        same={"policy": same_json},
        normalise=texts("policy"),
    )


TYPES = [
    REPOSITORY,
    _policy(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "lifecycle_policy",
        "lifecyclePolicyText",
        "put_lifecycle_policy",
    ),
    _policy(
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "repository_policy",
        "policyText",
        "set_repository_policy",
    ),
]
