"""Looks at an environment's values before a rehearsal builds or starts anything for them.

The program looks at them again, and its word counts: what only Pulumi can read, such as an encrypted value,
is left to it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal.errors import BerthError
from rehearsal.paths import CHECKOUT


def values(env: str, now: datetime | None = None) -> None:
    """Whether a rehearsal's program will take the checkout's values.

    Raises:
        BerthError: it will not; the message names every problem.
    """
    from infra.config import parse
    from infra.problems import ConfigError
    from scripts.berth import values as files

    file = CHECKOUT / "stacks" / f"Pulumi.{env}.yaml"
    config = {key: value for key, value in files.read(file).items() if ":" not in key}
    if any(isinstance(value, dict) and "secure" in value for value in config.values()):
        return
    now = now or datetime.now(UTC)
    if config.get("target") == "aws-vm":
        config |= _own(now)
    try:
        parse(env, config, now)
    except ConfigError as error:
        raise BerthError(str(error), "Nothing was built or started for them.") from None


def _own(now: datetime) -> dict[str, Any]:
    """In place of what a rehearsal has of its own, whatever the checkout's file says (`rehearsal.values`)."""
    from infra.config import AwsVmEnvironment

    fields = AwsVmEnvironment.model_fields
    made = {
        key: (fields[key].examples or [None])[0]
        for key in ("allowed_addresses", "ssh_public_keys", "image_source")
    }
    ends = (now + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**made, "expires_at": ends}
