"""The protocol between engine and plugin: the SDK's generated modules, without the SDK around them.

Importing `pulumi` takes longer than a whole preview may spend here, and only components need it. So its
parent packages are stood in for while the generated modules load, and removed again: a later
`import pulumi` is a normal one, and shares the message classes.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any


def _load(*names: str) -> list[Any]:
    if "pulumi" in sys.modules:
        return [importlib.import_module(f"pulumi.runtime.proto.{name}") for name in names]
    found = importlib.util.find_spec("pulumi")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the Pulumi SDK for Python is not installed")
    root = Path(found.origin).parent
    parents = {
        "pulumi": root,
        "pulumi.runtime": root / "runtime",
        "pulumi.runtime.proto": root / "runtime/proto",
    }
    for name, folder in parents.items():
        parent = types.ModuleType(name)
        parent.__path__ = [str(folder)]
        sys.modules[name] = parent
    try:
        return [importlib.import_module(f"pulumi.runtime.proto.{name}") for name in names]
    finally:
        for name in [n for n in sys.modules if n == "pulumi" or n.startswith("pulumi.")]:
            del sys.modules[name]


def load_resource_protocol() -> tuple[Any, Any]:
    """The resource monitor's messages and stubs; only components need them."""
    messages, stubs = _load("resource_pb2", "resource_pb2_grpc")
    return messages, stubs


(
    alias_pb2,
    engine_pb2,
    engine_pb2_grpc,
    errors_pb2,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
) = _load(
    "alias_pb2",
    "engine_pb2",
    "engine_pb2_grpc",
    "errors_pb2",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
)
