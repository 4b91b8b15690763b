"""One JSON object a line on standard output, for people with `jq` and for log collectors."""

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any

_GUARD = threading.Lock()


def emit(event: str, **fields: Any) -> None:
    """Write one line: the time (UTC), the event's name, its fields."""
    record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    with _GUARD:
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
