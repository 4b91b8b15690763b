"""`python -m scripts.ci.lifetime ENV DURATION`: writes the end of the lifetime into a pipeline's values file.

The end is nobody's to commit (docs/adr/0011). What is deployed keeps the end that it has: a merge neither
extends nor shortens it, and a preview shows no difference that nobody made. Where nothing runs, or its time
is over, it is DURATION from now. Only the file is written, so a preview's role may do it.
"""

import sys
from datetime import UTC, datetime

from rehearsal.errors import BerthError
from scripts.berth import lifetime, values
from scripts.berth.account import place as account
from scripts.berth.place import Place


def end_of(place: Place, env: str, text: str, now: datetime) -> str:
    """The deployed environment's end while it lies ahead, else `text` from now.

    Raises:
        BerthError: `text` is no duration, or longer than the values allow.
    """
    longest = lifetime.longest_of(values.read(values.file_of(place, env)).get("longest_lifetime_hours"))
    otherwise = now + lifetime.duration(text, longest)
    deployed = _deployed(place, env)
    if deployed is not None and deployed > now:
        otherwise = deployed
    return otherwise.astimezone(UTC).strftime(lifetime.FORMAT)


def _deployed(place: Place, env: str) -> datetime | None:
    if not place.has_stack(env):
        return None
    try:
        return datetime.fromisoformat(str(place.outputs(env).get("expires_at")))
    except (BerthError, ValueError):  # it has no outputs yet, or no lifetime
        return None


def main() -> int:
    """Write it, and say what was written."""
    if len(sys.argv) != 3:
        print("usage: python -m scripts.ci.lifetime ENV DURATION, such as aws-vm 8h", file=sys.stderr)
        return 2
    _, env, text = sys.argv
    try:
        place = account(env)
        end = end_of(place, env, text, datetime.now(UTC))
        for line in values.write(values.file_of(place, env), ("expires_at",), end):
            print(line)
    except BerthError as error:
        print(f"error: {error.message}", error.hint, sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
