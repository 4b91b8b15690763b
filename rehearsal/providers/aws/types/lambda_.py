"""Functions of Lambda whose code is an archive in a bucket. They exist, and are never called.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from collections.abc import Iterator
from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Autoname, Broken, Tagging, Type
from rehearsal.providers.plugin.model import Failure, Values

_CODE: Final = ("s3Bucket", "s3Key", "s3ObjectVersion")
_SETTINGS: Final = ("description", "environment", "handler", "memorySize", "role", "runtime", "timeout")


def _create(api: Api, new: Values) -> str:
    api.call(
        "create_function",
        FunctionName=new["name"],
        Code={key[:1].upper() + key[1:]: new[key] for key in _CODE if new.get(key)},
        Tags=new.get("tags") or None,
        **api.fill("create_function", new, *_SETTINGS, "architectures", "packageType"),
    )
    return str(new["name"])


def _configure(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    # What is left out stays as it is: an environment without variables has to be said.
    variables = (new.get("environment") or {}).get("variables") or {}
    given = api.fill(
        "update_function_configuration", new, *(key for key in _SETTINGS if key != "environment")
    )
    api.call(
        "update_function_configuration",
        FunctionName=name,
        Environment={"Variables": variables},
        Description=new.get("description", ""),
        **{key: value for key, value in given.items() if key != "Description"},
    )


def _put_code(api: Api, name: str, old: Values, new: Values) -> None:
    del old
    given = api.fill("update_function_code", new, *_CODE)
    api.call("update_function_code", FunctionName=name, **given)


def _ready(api: Api, name: str, new: Values) -> str | None:
    """https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html."""
    del new
    found = api.call("get_function_configuration", FunctionName=name)
    if found.get("State") == "Failed":
        raise Broken(str(found.get("StateReason")))
    state = {found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")}
    return None if state == {"Active", "Successful"} else f"the function is {found.get('State')}"


def _read(api: Api, name: str, known: Values) -> Values | None:
    del known
    answer = api.call("get_function", FunctionName=name)
    found = answer["Configuration"]
    variables = (found.get("Environment") or {}).get("Variables")
    arn = found["FunctionArn"]
    path = f"lambda:path/2015-03-31/functions/{arn}/invocations"
    return {
        "architectures": found.get("Architectures", ["x86_64"]),
        "arn": arn,
        "codeSha256": found["CodeSha256"],
        "description": found.get("Description", ""),
        "environment": {"variables": variables} if variables else None,
        "handler": found.get("Handler", ""),
        "invokeArn": f"arn:{api.account.partition}:apigateway:{api.region}:{path}",
        "memorySize": found["MemorySize"],
        "name": found["FunctionName"],
        "packageType": found.get("PackageType", "Zip"),
        "qualifiedArn": f"{arn}:{found['Version']}",
        "role": found["Role"],
        "runtime": found.get("Runtime", ""),
        "sourceCodeSize": found["CodeSize"],
        "tags": answer.get("Tags", {}),
        "timeout": found["Timeout"],
        "version": found["Version"],
    }


def _find(api: Api, new: Values) -> list[str]:
    found = api.call("get_function", FunctionName=new["name"])["Configuration"]
    same = found["Role"] == new["role"] and found.get("Handler") == new.get("handler")
    return [found["FunctionName"]] if same else []


def _write_tags(api: Api, name: str, known: Values, tags: dict[str, str]) -> None:
    del name
    api.call("tag_resource", Resource=known["arn"], Tags=tags)


def _remove_tags(api: Api, name: str, known: Values, keys: list[str]) -> None:
    del name
    api.call("untag_resource", Resource=known["arn"], TagKeys=keys)


def _check(values: Values) -> Iterator[Failure]:
    for prop in ("s3Bucket", "s3Key", "handler", "runtime"):
        if values.get(prop) is None:
            yield Failure(prop, "is needed in a rehearsal, where code is an archive in a bucket")


TYPES = [
    Type(
        "aws:lambda/function:Function",
        "lambda",
        create=_create,
        read=_read,
        delete=lambda api, name, _: api.call("delete_function", FunctionName=name),
        ready=_ready,
        find=_find,
        update={
            **dict.fromkeys(_SETTINGS, _configure),
            **dict.fromkeys([*_CODE, "sourceCodeHash"], _put_code),
        },
        replace_on=frozenset({"architectures", "name", "packageType"}),
        local=frozenset({"skipDestroy"}),
        tags=Tagging(write=_write_tags, remove=_remove_tags),
        autoname=Autoname(prefix="", longest=64),
        defaults={"memorySize": 128, "packageType": "Zip", "timeout": 3},
        computed=frozenset({"architectures"}),
        choices={"packageType": ("Zip",)},
        changes_on_update=frozenset({"codeSha256", "sourceCodeSize"}),
        check=_check,
    )
]
