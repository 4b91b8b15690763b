import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from interrupted import REGION, Engine
from moto import mock_aws


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """In an AWS account of its own, with a backend that is not a directory."""
    with mock_aws():
        yield Engine(
            engine="pulumi",
            environ={
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "PULUMI_BACKEND_URL": "s3://state",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_REGION": REGION,
            },
            project=tmp_path,
            rehearsed=True,
            values=tmp_path,
        )
