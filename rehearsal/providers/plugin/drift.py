"""What a refresh makes of the inputs."""

from typing import Any

from rehearsal.providers.plugin.paths import MISSING


def drift(known_inputs: Any, known_outputs: Any, live: Any) -> Any:
    """Inputs after a refresh: as they were where the live object did not change, else as it is now.

    Compared with the stored outputs, not with the inputs themselves: the server writes some values in another
    form (`0.1` CPU as `100m`), which is no change. Fields that only others set are theirs.
    """
    if isinstance(known_inputs, dict) and isinstance(live, dict):
        result = {}
        for key, value in known_inputs.items():
            now = live.get(key, MISSING)
            if now is MISSING:
                if _get(known_outputs, key) is MISSING:  # the server never showed it
                    result[key] = value
                continue
            result[key] = drift(value, _get(known_outputs, key), now)
        return result
    if isinstance(known_inputs, list) and isinstance(live, list) and live != known_outputs:
        if len(live) != len(known_inputs):
            return live
        return [
            drift(item, _get(known_outputs, index), live[index]) for index, item in enumerate(known_inputs)
        ]
    if live in (known_outputs, known_inputs):
        return known_inputs
    return live


def _get(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key, MISSING)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return MISSING
