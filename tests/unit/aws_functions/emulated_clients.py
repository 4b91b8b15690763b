"""Clients of an account that moto emulates within this process."""

from functools import cache
from typing import Any


class Clients:
    """boto3 clients of the emulated account."""

    region = "us-east-1"

    @cache  # noqa: B019 - lives as long as one module's tests
    def client(self, service: str, region: str | None = None) -> Any:
        import boto3

        return boto3.client(service, region or self.region)
