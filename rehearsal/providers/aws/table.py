"""The form of a resource type's entry: what `types/*.py` fill in and the engine (`crud.py`) works by.

A file in `types/` exports `TYPES: list[Type]`, named small functions above it. Two finished examples, Vpc and
Subnet, are in `types/vpc.py`. Nothing of an entry is registered anywhere else.

Rules for the functions of an entry:

- Values are revealed plain Python with the SDK's camelCase keys (`cidrBlock`); no secrets, no unknowns.
- Talk to AWS through the `Api` only (`api.call("create_vpc", CidrBlock=...)`): it retries what is transient,
  fills in idempotency tokens, drops parameters that are None, and raises `AwsError`. `api.fill(operation,
  values, "cidrBlock", "instanceTenancy")` makes the parameters of the same names, at any depth, with the
  API's types.
- `create` makes one thing and returns its id at once: what has an id is kept in state whatever fails later.
  What takes time belongs to `ready`; what needs further calls (attributes) to `after`.
- `read` returns every output that the API knows, camelCase, the same for a thing that did not change. It
  returns None, or lets a NotFound error pass, when the thing is gone. Outputs that it leaves out stay as they
  were stored. `known` is {} in an import by id. `region` and `tagsAll` are added by the
  engine, and `id` where read names none (it does when an import takes another form than the id itself).
- `update` functions set absolute values, so that they can be repeated. They get the inputs before and after.
- `delete` deletes; a NotFound is success, a DependencyViolation is tried again: neither is caught here.

Every input of the SDK's type is in exactly one of: `update`, `replace_on`, `local`, the tags. An input that
is in none is refused in the preview, as not covered by the stand-in; so nothing is ever silently left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from rehearsal.providers.aws.api import Api
from rehearsal.providers.plugin.model import Failure, Values

Create = Callable[[Api, Values], str]
"""(api, inputs) -> id. Inputs include the tags (default tags among them) and a name where one is
automatic."""
Read = Callable[[Api, str, Values], Values | None]
"""(api, id, known outputs) -> outputs, or None when it is gone."""
Change = Callable[[Api, str, Values, Values], None]
"""(api, id, inputs before, inputs now). `before` is {} when called as `after` of a create."""
Delete = Callable[[Api, str, Values], None]
"""(api, id, known outputs, which hold all inputs too)."""
Ready = Callable[[Api, str, Values], str | None]
"""(api, id, inputs) -> None when ready, else what it is waiting for; raises `Broken` when it never will
be."""
Find = Callable[[Api, Values], Iterable[str]]
"""(api, inputs) -> ids of existing things that look exactly as asked, tags included; for a create whose
answer got lost and whose API takes no idempotency token. The engine leaves out those that it knows."""


class Broken(Exception):
    """Made but failed for good (a NAT gateway in state `failed`); the engine removes it again."""


@dataclass(frozen=True, kw_only=True)
class Autoname:
    """An automatic name: `<logical name>-<7 hex>` in `prop`, unless it or its prefix property is given."""

    prop: str = "name"
    prefix: str = "namePrefix"
    """A name made of this and 26 digits when given; "" where the type has no such property."""
    longest: int = 255
    lower: bool = False
    separator: str = "-"
    ending: str = ""
    """`.fifo`, for instance."""


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How tags of an existing thing change. Ready-made ones are in `tagging.py`."""

    write: Callable[[Api, str, Values, dict[str, str]], None]
    """(api, id, known outputs, tags to add or set)."""
    remove: Callable[[Api, str, Values, list[str]], None]
    """(api, id, known outputs, keys)."""


@dataclass(frozen=True)
class Type:
    """One resource type."""

    token: str
    """As in the SDK's `@pulumi.type_token`: `aws:ec2/vpc:Vpc`."""
    client: str
    """The boto3 service that `api.call` talks to."""
    _: KW_ONLY
    create: Create
    read: Read
    delete: Delete
    after: Change | None = None
    """Further calls that belong to the create, such as attributes that cannot be given at once;
    repeatable."""
    ready: Ready | None = None
    """Asked after create and update until it answers None."""
    find: Find | None = None
    update: Mapping[str, Change] = field(default_factory=dict)
    """Property to function. A function that several properties share is called once."""
    replace_on: frozenset[str] = frozenset()
    """Properties whose change needs a replacement; also dotted paths without indices (`ebs.kmsKeyId`)."""
    replace_if: Callable[[Values, Values], Iterable[str]] | None = None
    """(inputs before, inputs now) -> further properties whose change needs a replacement this time."""
    local: frozenset[str] = frozenset()
    """Inputs that AWS is never told as such: forceDestroy, waitForCapacityTimeout."""
    tags: Tagging | None = None
    """None for a type without the property `tags`."""
    autoname: Autoname | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Inputs that get a value where none is given (`enableDnsSupport: True`)."""
    computed: frozenset[str] = frozenset()
    """Optional inputs that AWS chooses where none is given: leaving one out later is no change."""
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Allowed values by dotted path without indices: `{"spec.tenancy": ("default", "dedicated")}`."""
    ordered: frozenset[str] = frozenset()
    """Dotted paths of lists whose order matters; all others are compared as sets."""
    same: Mapping[str, Callable[[Any, Any], bool]] = field(default_factory=dict)
    """Property to a comparison of its own (`same_json`, for policies)."""
    normalise: Callable[[Values], Values] | None = None
    """Brings checked inputs into the stored form (JSON objects to text); may meet Secret and UNKNOWN."""
    check: Callable[[Values], Iterable[Failure]] | None = None
    """What the SDK's types cannot say: exactly one of two, a CIDR's form. UNKNOWN values may occur."""
    changes_on_update: frozenset[str] = frozenset()
    """Outputs that an update changes (`latestVersion`): unknown in its preview."""
    secret_outputs: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    """Outputs that other resources change too (an association is shown on both sides, rules can be
    resources of their own): a refresh leaves them as they were seen first, unless an input sets them."""
    lasting: bool = False
    """Whether the thing is still there after delete: an account's setting, a VPC's default security group."""
    delete_before_replace: bool = False
    """Whether two cannot exist at once although no name says so. A name given by the user always means it."""
    busy: frozenset[str] = frozenset()
    """Further error codes that, on delete, mean `not yet`."""
    gone: frozenset[str] = frozenset()
    """Further error codes that mean it does not exist."""
    create_seconds: float = 600
    update_seconds: float = 600
    delete_seconds: float = 600
    limit: Callable[[Values], float] | None = None
    """Seconds to wait until ready where the inputs say so themselves."""
    """Limits of waiting; `customTimeouts` takes precedence."""
