"""Where an environment on AWS keeps its images: repositories of its own in ECR, gone with their images."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# An image without a tag is what is left of a push that did not finish.
_UNTAGGED_DAYS = 1


@dataclass(frozen=True, kw_only=True)
class RepositoriesArgs:
    """names: repository by image, such as {"train": "berth/train"}. keep: how many images of each stay."""

    names: Mapping[str, str]
    keep: int = 20


class Repositories(pulumi.ComponentResource):
    """A repository for each image: tags that never move, a scan of every push, old images expired."""

    urls: dict[str, pulumi.Output[str]]
    arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: RepositoriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("berth:registry:Repositories", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.urls, self.arns = {}, {}
        for image in sorted(args.names):
            repository = aws.ecr.Repository(
                f"{name}-{image}",
                name=args.names[image],
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(
                    scan_on_push=True
                ),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")
                ],
                force_delete=True,
                tags={"Name": args.names[image]},
                opts=child,
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{image}",
                repository=repository.name,
                policy=json.dumps(lifecycle(args.keep)),
                opts=child,
            )
            self.urls[image] = repository.repository_url
            self.arns[image] = repository.arn
        self.register_outputs({"urls": self.urls, "arns": self.arns})


def lifecycle(keep: int) -> dict[str, object]:
    """A repository's lifecycle policy.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    untagged = {
        "rulePriority": 1,
        "description": "remains of unfinished pushes",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": _UNTAGGED_DAYS,
        },
        "action": {"type": "expire"},
    }
    old = {
        "rulePriority": 2,
        "description": f"all but the newest {keep}",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
        "action": {"type": "expire"},
    }
    return {"rules": [untagged, old]}
