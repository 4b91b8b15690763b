"""The plugin as a process: it starts fast, and has the version of the SDK that it stands in for."""

import json
import subprocess
import sys
from importlib.metadata import version

import grpc
from google.protobuf import empty_pb2

from rehearsal.providers.plugin import wire

COMMAND = [sys.executable, "-P", "-m", "rehearsal.providers.aws"]


def test_it_prints_its_port_and_has_the_version_of_the_sdk() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        channel = grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}")
        stub = wire.provider_pb2_grpc.ResourceProviderStub(channel)
        assert stub.GetPluginInfo(empty_pb2.Empty()).version == version("pulumi-aws")
        process.terminate()
        assert process.wait(10) == 0


def test_what_a_preview_without_a_change_does_not_need_is_not_imported() -> None:
    code = (
        "import json, sys, rehearsal.providers.aws.__main__; "
        "from rehearsal.providers.aws.types import all_types; all_types(); "
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pulumi", "pulumi_aws", "boto3", "botocore", "moto", "urllib3", "rich", "importlib.metadata"}
    assert not heavy & set(json.loads(done.stdout)), "start-up is a part of every command"
