"""A GPU machine on AWS: a network, a guarded way in, and one spot machine that trains and serves."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pulumi
import pulumi_aws as aws

from infra.access.bastion import Bastion, BastionArgs
from infra.access.instance_connect import InstanceConnect, InstanceConnectArgs
from infra.access.ssm import SessionManager, SessionManagerArgs
from infra.asking import ask
from infra.catalog.images import DISTRIBUTIONS
from infra.config import AwsVmEnvironment
from infra.identity.people import People, PeopleArgs
from infra.machine import bringup, target
from infra.machine.fallback import OnDemandFallback, OnDemandFallbackArgs
from infra.machine.group import MachineGroup, MachineGroupArgs
from infra.machine.guard import MachineGuard, MachineGuardArgs
from infra.machine.image import image_id
from infra.machine.lifetime import Lifetime, LifetimeArgs
from infra.machine.role import MachineRole, MachineRoleArgs
from infra.machine.template import MachineTemplate, MachineTemplateArgs
from infra.machine.user_data import UserData, UserDataArgs
from infra.naming import dns_label, run_prefix
from infra.network.aws import AwsNetwork, AwsNetworkArgs
from infra.outputs import AwsVmDeclared, AwsVmOutputs
from infra.registry.content import content_tag
from infra.registry.ecr import Repositories, RepositoriesArgs
from infra.registry.publish import PublishedImage
from infra.spend import statements
from infra.spend.budget import SpendGuard, SpendGuardArgs
from infra.spend.reaper import Reaper, ReaperArgs
from infra.storage.aws import AwsBucket, AwsBucketArgs, connection
from infra.tags import Tags
from infra.workload.dataset import Dataset, DatasetArgs, packaged_digest
from infra.workload.run import run_name

IMAGES = ("train", "serve")
MACHINE = {"berth:role": "machine"}


def build(env: AwsVmEnvironment) -> AwsVmDeclared:
    """Declare the environment. Raises ConfigError where user-data would be too large."""
    target.check_sizes(env)
    for warning in statements.warnings(env):
        pulumi.log.warn(warning)
    for statement in statements.cost(env):
        pulumi.log.info(statement)
    tags = Tags(environment=env.environment, owner=env.owner, expires_at=env.expires_at)
    provider = aws.Provider(
        "aws", region=env.region, default_tags=aws.ProviderDefaultTagsArgs(tags=tags.common())
    )
    on_aws = pulumi.ResourceOptions(provider=provider)
    asking = pulumi.InvokeOptions(provider=provider)
    account_id = ask(
        "the AWS account",
        "Are there credentials? `aws sts get-caller-identity` asks the same.",
        lambda: aws.get_caller_identity(opts=asking).account_id,
    )
    boot = partial(image_id, environment=env.environment, pin=env.machine.image.pin, asking=asking)
    bucket_name = env.storage.bucket or dns_label("berth", env.environment, account_id, env.region)
    content = {image: content_tag(image) for image in IMAGES}
    digest = packaged_digest()
    run = run_name(f"train:{content['train']}", digest, env.training, shared_volume=False)
    prefix = run_prefix(env.model_name, run)

    spend = SpendGuard(
        "spend",
        SpendGuardArgs(
            environment=env.environment,
            account_id=account_id,
            monthly_usd=env.budget.monthly_usd,
            emails=env.budget.emails,
            thresholds=env.budget.thresholds,
            billing_alarm=env.budget.billing_alarm,
        ),
        on_aws,
    )
    bucket = AwsBucket(
        "bucket",
        AwsBucketArgs(
            bucket=bucket_name,
            region=env.region,
            account_id=account_id,
            old_versions_days=env.storage.old_versions_days,
            flow_logs=env.network.flow_logs == "s3",
            log_days=env.network.flow_log_days,
        ),
        on_aws,
    )
    network = AwsNetwork(
        "network",
        AwsNetworkArgs(
            environment=env.environment,
            region=env.region,
            account_id=account_id,
            cidr=env.network.cidr,
            zones=env.network.zones,
            nat=env.network.nat,
            flow_logs=env.network.flow_logs,
            retention_days=env.network.flow_log_days,
            log_bucket_arn=bucket.arn,
        ),
        on_aws,
    )
    dataset = Dataset(
        "dataset", DatasetArgs(bucket=bucket.bucket, digest=digest, connection=connection(env.region))
    )
    repositories = Repositories(
        "images",
        RepositoriesArgs(
            names={image: f"{env.repositories.prefix}-{env.environment}/{image}" for image in IMAGES},
            keep=env.repositories.keep,
        ),
        on_aws,
    )
    published = {
        image: PublishedImage(
            f"images-{image}-published",
            source=f"{env.image_source}/{image}:{content[image]}",
            repository=repositories.urls[image],
            tag=content[image],
            region=env.region,
        )
        for image in IMAGES
    }

    lifetime = Lifetime("lifetime", LifetimeArgs(bucket=bucket.bucket, expires_at=env.expires_at), on_aws)
    guard = MachineGuard(
        "guard", MachineGuardArgs(environment=env.environment, vpc_id=network.vpc_id), on_aws
    )
    role = MachineRole(
        "role",
        MachineRoleArgs(
            environment=env.environment,
            bucket_arn=bucket.arn,
            repository_arns=[repositories.arns[image] for image in IMAGES],
        ),
        on_aws,
    )
    user_data = UserData(
        "user-data",
        UserDataArgs(
            plan=target.machine_plan(env, bucket=bucket_name, run_prefix=prefix),
            bucket=bucket.bucket,
            train_image=published["train"].reference,
            serve_image=published["serve"].reference,
            dataset_key=dataset.key,
            lifetime_key=lifetime.key,
            through_bucket=target.through_bucket(env),
        ),
        on_aws,
    )
    template = MachineTemplate(
        "machine",
        MachineTemplateArgs(
            environment=env.environment,
            image_id=boot("machine", env.machine.image, opts=on_aws),
            root_device=DISTRIBUTIONS[env.machine.image.distribution].root_device,
            root_gib=target.root_gib(env),
            data_gib=env.machine.data_gib,
            profile_arn=role.profile_arn,
            security_group_id=guard.security_group_id,
            user_data=user_data.text,
            tags={**tags.whose(), **MACHINE, "Name": f"{env.environment}-machine"},
        ),
        on_aws,
    )
    machines = MachineGroupArgs(
        environment=env.environment,
        template=template,
        subnets=list(network.private_subnets.values()),
        instance_types=target.instance_types(env),
        spot=env.machine.spot,
        max_price=env.machine.max_price,
        rebalance=env.machine.rebalance,
        expires_at=env.expires_at,
        tags={**tags.common(), **MACHINE, "Name": f"{env.environment}-machine"},
    )
    group = MachineGroup("group", machines, on_aws)
    if env.machine.on_demand_fallback:
        on_demand = replace(
            machines, role="on-demand", spot=False, max_price=None, rebalance=False, desired=None
        )
        OnDemandFallback("fallback", OnDemandFallbackArgs(spot_group=group.group, machines=on_demand), on_aws)
    way_in = entrance(env, network=network, guard=guard, role=role, bucket=bucket, boot=boot, opts=on_aws)
    if env.reaper.enabled:
        Reaper(
            "reaper",
            ReaperArgs(
                environment=env.environment,
                region=env.region,
                account_id=account_id,
                bucket=bucket.bucket,
                every_minutes=env.reaper.every_minutes,
            ),
            on_aws,
        )
    if env.people.enabled:
        People(
            "people",
            PeopleArgs(
                environment=env.environment,
                region=env.region,
                account_id=account_id,
                access=env.access.kind,
                bucket_arn=bucket.arn,
                users=env.people.users,
            ),
            on_aws,
        )
    return AwsVmOutputs(
        environment=env.environment,
        target=env.target,
        region=env.region,
        account_id=account_id,
        access=env.access.kind,
        bastion_instance_id=way_in.instance_id if way_in else None,
        bastion_address=way_in.public_address if way_in else None,
        bastion_user=target.BASTION_USER,
        prefix_list_id=way_in.prefix_list_id if way_in else None,
        machine_group=group.group,
        machine_user=DISTRIBUTIONS[env.machine.image.distribution].user,
        machine_count=1,
        accelerator=env.machine.accelerator,
        launch_template_id=template.template_id,
        image_id=template.image_id,
        bucket=bucket.bucket,
        repositories=dict(repositories.urls),
        images={image: published[image].reference for image in IMAGES},
        model_name=env.model_name,
        run_prefix=prefix,
        predict_port=target.PREDICT_PORT,
        jupyter_port=target.JUPYTER_PORT if env.jupyter.enabled else None,
        expires_at=env.expires_at,
        budget_name=spend.budget_name,
    )


def entrance(
    env: AwsVmEnvironment,
    *,
    network: AwsNetwork,
    guard: MachineGuard,
    role: MachineRole,
    bucket: AwsBucket,
    boot: Callable[..., pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> Bastion | None:
    """The way in that the values choose; the bastion, where it is one."""
    if env.access.kind == "ssm":
        SessionManager("access", SessionManagerArgs(role=role.role), opts)
        return None
    if env.access.kind == "instance-connect":
        InstanceConnect(
            "access",
            InstanceConnectArgs(
                environment=env.environment,
                vpc_id=network.vpc_id,
                subnet_id=network.private_subnets[min(env.network.zones)],
                machine_security_group_id=guard.security_group_id,
            ),
            opts,
        )
        return None
    return Bastion(
        "access",
        BastionArgs(
            environment=env.environment,
            vpc_id=network.vpc_id,
            subnet_id=network.public_subnets[min(env.network.zones)],
            machine_security_group_id=guard.security_group_id,
            allowed=env.allowed_addresses,
            image_id=boot("bastion", target.BASTION_IMAGE, opts=opts),
            instance_type=env.access.bastion_type,
            user_data=bucket.bucket.apply(partial(bastion_user_data, env)),
            bucket_arn=bucket.arn,
        ),
        opts,
    )


def bastion_user_data(env: AwsVmEnvironment, bucket: str) -> str:
    """What the bastion is told at its first boot."""
    return bringup.render(target.bastion_plan(env, bucket=bucket))
