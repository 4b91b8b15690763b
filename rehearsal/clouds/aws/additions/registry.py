"""ECR: repositories are moto's, their images are in the rehearsal's registry, so that addresses name that."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal.clouds.aws import settings
from rehearsal.clouds.aws.additions import answers
from rehearsal.clouds.aws.calls import Call

USER = "AWS"
LIFE = timedelta(hours=12)  # https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html


@answers("ecr", "CreateRepository", "DeleteRepository")
def one_repository(call: Call) -> Mapping[str, Any]:
    """The repository, with an address that can be pushed to."""
    reply = call.forward()
    return {**reply, "repository": _addressed(reply["repository"])}


@answers("ecr", "DescribeRepositories")
def repositories(call: Call) -> Mapping[str, Any]:
    """Repositories, each with an address that can be pushed to."""
    reply = call.forward()
    return {**reply, "repositories": [_addressed(found) for found in reply["repositories"]]}


@answers("ecr", "GetAuthorizationToken")
def authorization(_: Call) -> Mapping[str, Any]:
    """The registry's user and password, as `docker login` takes them."""
    token = base64.b64encode(f"{USER}:{settings.current().registry_password}".encode()).decode()
    return {
        "authorizationData": [
            {
                "authorizationToken": token,
                "expiresAt": datetime.now(UTC) + LIFE,
                "proxyEndpoint": f"https://{settings.current().registry}",
            }
        ]
    }


def _addressed(repository: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **repository,
        "repositoryUri": f"{settings.current().registry}/{repository['repositoryName']}",
    }
