"""The values of `aws-vm`: a network, a guarded way in and a spot GPU machine on AWS."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infra.config.aws_values import (
    AmiId,
    BastionType,
    Email,
    ImageName,
    ImageOwner,
    ImageSource,
    InstanceTypeName,
    Instant,
    OwnAddress,
    ParameterName,
    PinnedImage,
    PublicKey,
    Region,
    Unique,
    UserName,
    Version,
    Zone,
)
from infra.config.aws_vm_rules import RULES
from infra.config.shared import Environment, Hyperparameters, Rule
from infra.problems import written_by
from infra.values import (
    BucketName,
    LabelValue,
    Milliseconds,
    NetworkRange,
    Positive,
    Repository,
    Some,
    Values,
)

# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html
_MOST_ALERTS, _MOST_EMAILS = 10, 10


class Network(Values):
    """A VPC of its own."""

    cidr: NetworkRange = Field(
        default="10.42.0.0/16", description="the VPC's range", examples=["10.42.0.0/16"]
    )
    avoid: dict[str, NetworkRange] = Field(
        default={},
        description="ranges that it must not overlap, by what they are",
        examples=[{"office": "10.8.0.0/16"}],
    )
    zones: Annotated[tuple[Zone, ...], Unique] = Field(
        description="two availability zones at least; spot capacity comes and goes by zone",
        examples=[["us-east-1a", "us-east-1b"]],
    )
    nat: Literal["none", "one", "per-zone"] = Field(
        default="one", description="how private machines reach the Internet", examples=["one"]
    )
    flow_logs: Literal["none", "cloudwatch", "s3"] = Field(
        default="cloudwatch", description="where records of the network's traffic go", examples=["cloudwatch"]
    )
    flow_log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365] = Field(
        default=30, description="for which they are kept", examples=[30]
    )


class Access(Values):
    """The way in."""

    kind: Literal["ssm", "bastion", "instance-connect"] = Field(
        default="ssm",
        description="ssm: no open port at all; bastion: SSH from your addresses; instance-connect: AWS's own",
        examples=["ssm"],
    )
    bastion_type: BastionType = Field(
        default="t3.nano", description="the bastion's machine", examples=["t3.nano"]
    )


class Image(Values):
    """Which image: the distribution's own, unless one of ssm, owner and name, or id says another."""

    distribution: Literal["debian-13", "ubuntu-24.04", "al2023"] = Field(
        default="debian-13", description="what the image runs", examples=["debian-13"]
    )
    profile: Literal["plain", "nvidia"] = Field(
        default="plain",
        description="nvidia: the image has driver, docker and container toolkit (a Deep Learning AMI)",
        examples=["plain"],
    )
    ssm: ParameterName | None = Field(
        default=None,
        description="SSM parameter that holds the AMI's id",
        examples=["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"],
    )
    owner: ImageOwner | None = Field(
        default=None, description="account that published the AMI", examples=["136693071363"]
    )
    name: ImageName | None = Field(
        default=None,
        description="the AMI's name, * for any; the newest is taken",
        examples=["debian-13-amd64-*"],
    )
    id: AmiId | None = Field(
        default=None,
        description="an AMI of yours, such as one of `berth snapshot`",
        examples=["ami-0123456789abcdef0"],
    )
    pin: LabelValue = Field(
        default="1",
        description="the AMI found first is kept; change this to look for the newest again",
        examples=["2026-11"],
    )


class Software(Values):
    """What the machine and its images run; versions that do not go together are refused."""

    profile: Literal["cuda-13", "cuda-12", "cuda-12-2024"] = Field(
        default="cuda-13", description="versions known to go together", examples=["cuda-13"]
    )
    driver: Literal["535", "550", "570", "580", "590", "595", "610"] | None = Field(
        default=None,
        description="driver branch, the image's where it has one; absent: the profile's",
        examples=["580"],
    )
    toolkit: Version | None = Field(
        default=None, description="container toolkit; absent: the profile's", examples=["1.20.0"]
    )
    torch: Version | None = Field(
        default=None, description="PyTorch in your images' base; absent: the profile's", examples=["2.15.0"]
    )
    cuda: Version | None = Field(
        default=None, description="CUDA of that PyTorch; absent: that of its PyPI wheel", examples=["13.2"]
    )


class Machine(Values):
    """The GPU machine."""

    accelerator: str = Field(default="T4", description="GPU model", examples=["L4"])
    count: Positive = Field(default=1, description="GPUs of the machine", examples=[1])
    instance_types: Annotated[tuple[InstanceTypeName, ...], Unique] = Field(
        default=(),
        description="machines to try; absent: all with these GPUs that cost up to three times the cheapest",
        examples=[["g4dn.xlarge", "g4dn.2xlarge"]],
    )
    spot: bool = Field(default=True, description="spare capacity, which AWS may take back", examples=[True])
    max_price: Annotated[float, Field(ge=0.001, le=1000)] | None = Field(
        default=None, description="most US dollars an hour; absent: the on-demand price", examples=[0.5]
    )
    rebalance: bool = Field(
        default=False,
        description="replace a spot machine when AWS foresees its end, not only when it gives notice",
        examples=[False],
    )
    on_demand_fallback: bool = Field(
        default=False,
        description="an on-demand machine where no spot machine could be had for 15 minutes",
        examples=[False],
    )
    image: Image = Field(
        default=Image(), description="what it boots", examples=[{"distribution": "debian-13"}]
    )
    software: Software = Field(
        default=Software(), description="driver, toolkit, PyTorch", examples=[{"profile": "cuda-13"}]
    )
    root_gib: Annotated[int, Field(ge=8, le=16_384)] | None = Field(
        default=None,
        description="root volume; absent: 20, or 100 for an image that has the GPU software",
        examples=[20],
    )
    data_gib: Annotated[int, Field(ge=10, le=16_384)] = Field(
        default=100, description="data volume: docker's images, and scratch space", examples=[100]
    )


class AwsStorage(Values):
    """The bucket, whose name is one of all the world's."""

    bucket: BucketName | None = Field(
        default=None,
        description="its name; absent: berth-ENVIRONMENT-ACCOUNT-REGION",
        examples=["berth-aws-vm-ml-team"],
    )
    old_versions_days: int = Field(
        default=7, ge=1, le=3650, description="until a replaced or deleted version goes", examples=[7]
    )


class Repositories(Values):
    """The ECR repositories of the environment."""

    prefix: Repository = Field(
        default="berth", description="they are PREFIX-ENVIRONMENT/train and /serve", examples=["berth"]
    )
    keep: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20, description="images of each that stay", examples=[20]
    )


class MachineInference(Values):
    """The service that answers predictions, on the machine's own loopback."""

    max_batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=64, description="images predicted together", examples=[64]
    )
    max_batch_delay_ms: Milliseconds = Field(default=2, description="wait for a fuller batch", examples=[2])


class Jupyter(Values):
    """A notebook server on the machine, reached by `berth forward`."""

    enabled: bool = Field(default=False, description="whether there is one", examples=[False])
    image: PinnedImage | None = Field(
        default=None,
        description="its container image, by digest; needed where it is enabled",
        examples=["quay.io/jupyter/pytorch-notebook@sha256:" + "0" * 64],
    )


class Alert(Values):
    """One threshold of the budget."""

    percent: Annotated[float, Field(gt=0, le=1000)] = Field(description="of the budget", examples=[80])
    kind: Literal["actual", "forecast"] = Field(
        default="actual", description="spent, or foreseen for the month", examples=["forecast"]
    )

    def __str__(self) -> str:
        return f"{self.percent:g} % {self.kind}"


class Budget(Values):
    """Who hears of what the environment costs. An alarm, not a switch: AWS updates it a few times a day."""

    monthly_usd: Annotated[float, Field(ge=1, le=1_000_000)] = Field(
        default=100, description="US dollars a month", examples=[100]
    )
    emails: Annotated[tuple[Email, ...], Unique, Some] = Field(
        max_length=_MOST_EMAILS, description="who is told", examples=[["ml-team@example.org"]]
    )
    thresholds: Annotated[tuple[Alert, ...], Unique, Some] = Field(
        default=(
            Alert(percent=50),
            Alert(percent=80),
            Alert(percent=100),
            Alert(percent=100, kind="forecast"),
        ),
        max_length=_MOST_ALERTS,
        description="when",
        examples=[[{"percent": 80, "kind": "actual"}]],
    )
    billing_alarm: bool = Field(
        default=False,
        description="an alarm on the whole account's charges; in us-east-1 only, where AWS has that metric",
        examples=[False],
    )


class Reaper(Values):
    """A scheduled function in the account that ends expired machines which did not end by themselves."""

    enabled: bool = Field(default=False, description="whether there is one", examples=[False])
    every_minutes: Annotated[int, Field(ge=5, le=1440)] = Field(
        default=15, description="how often it looks", examples=[15]
    )


class People(Values):
    """An IAM group for those who may run this environment; what it allows is least privilege."""

    enabled: bool = Field(default=False, description="whether there is one", examples=[False])
    users: Annotated[tuple[UserName, ...], Unique] = Field(
        default=(), description="its members: IAM users that exist", examples=[["alice"]]
    )


class AwsVmEnvironment(Environment):
    """A GPU machine on AWS."""

    RULES: ClassVar[tuple[Rule, ...]] = RULES

    target: Literal["aws-vm"] = Field(description="which program builds it", examples=["aws-vm"])
    region: Region = Field(default="us-east-1", description="AWS region", examples=["us-east-1"])
    expires_at: Instant = Field(
        description="when the machines shut themselves down",
        examples=["2026-12-01T18:00:00Z"],
        json_schema_extra=written_by("berth extend {} 8h"),
    )
    longest_lifetime_hours: Annotated[int, Field(ge=1, le=8760)] = Field(
        default=168, description="how far away expires_at may be", examples=[168]
    )
    allowed_addresses: Annotated[tuple[OwnAddress, ...], Unique] = Field(
        default=(),
        max_length=10,
        description="where you come from, as AWS sees it; needed where access.kind is bastion",
        examples=[["203.0.113.7/32"]],
        json_schema_extra=written_by("berth access refresh {}"),
    )
    ssh_public_keys: Annotated[tuple[PublicKey, ...], Unique] = Field(
        default=(),
        max_length=20,
        description="who may log in: lines of .pub files; needed unless access.kind is ssm",
        examples=[
            ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g me@laptop"]
        ],
    )
    image_source: ImageSource = Field(
        default="docker-daemon:berth",
        description="where built images are published from: SOURCE/train:TAG and SOURCE/serve:TAG",
        examples=["docker-daemon:berth"],
    )
    network: Network = Field(
        description="the VPC", examples=[{"zones": ["us-east-1a", "us-east-1b"], "nat": "one"}]
    )
    access: Access = Field(default=Access(), description="the way in", examples=[{"kind": "ssm"}])
    machine: Machine = Field(
        default=Machine(), description="the GPU machine", examples=[{"accelerator": "T4", "count": 1}]
    )
    storage: AwsStorage = Field(
        default=AwsStorage(), description="the bucket", examples=[{"old_versions_days": 7}]
    )
    repositories: Repositories = Field(
        default=Repositories(), description="the image registry", examples=[{"keep": 20}]
    )
    training: Hyperparameters = Field(
        default=Hyperparameters(), description="what is trained", examples=[{"epochs": 40}]
    )
    inference: MachineInference = Field(
        default=MachineInference(), description="the prediction service", examples=[{"max_batch_size": 64}]
    )
    jupyter: Jupyter = Field(
        default=Jupyter(), description="a notebook server", examples=[{"enabled": False}]
    )
    budget: Budget = Field(
        description="the spending alarm",
        examples=[{"monthly_usd": 100, "emails": ["ml-team@example.org"]}],
    )
    reaper: Reaper = Field(
        default=Reaper(),
        description="a function in the account that ends what has expired",
        examples=[{"enabled": True}],
    )
    people: People = Field(
        default=People(), description="who may run it", examples=[{"enabled": True, "users": ["alice"]}]
    )
