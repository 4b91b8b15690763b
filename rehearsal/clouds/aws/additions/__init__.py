"""What moto lacks or does differently, one module a subject; each function answers one operation.

A function takes the recognised call and returns the answer as boto3 shows it, or raises AwsError. It may let
moto do the work (`call.forward()`) and amend what comes back.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from rehearsal.clouds.aws.calls import Call

Answer = Callable[[Call], Mapping[str, Any]]
_ANSWERS: dict[tuple[str, str], Answer] = {}


def answers(service: str, *operations: str) -> Callable[[Answer], Answer]:
    """Register a function for operations of a service (botocore's names)."""

    def register(function: Answer) -> Answer:
        for operation in operations:
            if (service, operation) in _ANSWERS:
                raise RuntimeError(f"{service}:{operation} is answered twice")
            _ANSWERS[service, operation] = function
        return function

    return register


@cache
def registered() -> Mapping[tuple[str, str], Answer]:
    """Every addition; the modules are found by being in this package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _ANSWERS
