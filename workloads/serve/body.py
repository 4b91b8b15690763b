"""Request bodies: read, unpacked and parsed within limits; whatever is wrong with one is a 4xx."""

import json
import zlib
from typing import Any

from aiohttp import web

from workloads.serve.errors import RequestError

# Servers that unpack with aiohttp's own decoder drop the connection of a client whose data is damaged.
RUNNER_SETTINGS: dict[str, Any] = {"auto_decompress": False}
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def read(request: web.Request, limit: int) -> bytes:
    """The body, at most limit bytes once unpacked. Needs a server with RUNNER_SETTINGS."""
    data = await request.read()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return data
    if encoding not in _WINDOW_BITS:
        raise RequestError(415, f"Content-Encoding: {encoding!r} is not known; gzip and deflate are")
    decoder = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        unpacked = decoder.decompress(data, limit + 1)
    except zlib.error as reason:
        raise RequestError(400, f"the body is not {encoding} as its header says: {reason}") from None
    if len(unpacked) > limit:
        raise RequestError(413, f"the body is larger than {limit} bytes when unpacked")
    if not decoder.eof:
        raise RequestError(400, f"the {encoding} body ends too early")
    return unpacked


def parse_json(data: bytes) -> Any:
    """JSON, or 400."""
    try:
        return json.loads(data)
    except ValueError as reason:
        raise RequestError(400, f"the body is not JSON: {reason}") from None
    except RecursionError:
        raise RequestError(400, "the JSON is nested too deeply") from None
