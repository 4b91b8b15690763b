"""What a machine of an environment is to become: from the values to the plan of its bring-up. Pure.

What is known only once the stack is up (references of images, say) is filled in later.
"""

import hashlib

from infra.catalog import accelerators, gpu_stack
from infra.catalog.images import DISTRIBUTIONS
from infra.config import AwsVmEnvironment
from infra.config.aws_vm import Image
from infra.config.aws_vm_rules import chosen_software
from infra.machine import bringup
from infra.problems import ConfigError, Problem
from infra.workload.run import hyperparameters

PREDICT_PORT, JUPYTER_PORT = 8080, 8888
BASTION_IMAGE = Image(distribution="debian-13")
BASTION_USER = DISTRIBUTIONS[BASTION_IMAGE.distribution].user
# As long as any account's and region's, so that a size that is measured with it holds.
_REGISTRY = "123456789012.dkr.ecr.ap-southeast-1.amazonaws.com"
# As hard to compress as any other names of that length.
_NOISE = hashlib.sha512(b"berth").hexdigest()
_BUCKET = _NOISE[:63]
_TRAIN_TAG, _SERVE_TAG, _DATASET, _RUN = _NOISE[64:80], _NOISE[80:96], _NOISE[96:112], _NOISE[112:120]
# A plan with the stack's own names may be larger than one with those above: compressed, they differ.
_MARGIN = 128
_ROOT_GIB = {"plain": 20, "nvidia": 100}


def instance_types(env: AwsVmEnvironment) -> tuple[str, ...]:
    """The machines to try, the cheapest first."""
    machine = env.machine
    found = accelerators.candidates(machine.accelerator, machine.count, env.region)
    return machine.instance_types or tuple(one.name for one in found)


def root_gib(env: AwsVmEnvironment) -> int:
    """The root volume's size: the values' own, or what the image needs with room to spare."""
    return env.machine.root_gib or _ROOT_GIB[env.machine.image.profile]


def machine_plan(env: AwsVmEnvironment, *, bucket: str, run_prefix: str) -> bringup.BringUp:
    """The GPU machine, without its images."""
    machine, software = env.machine, chosen_software(env)
    plain = machine.image.profile == "plain"
    driver = bringup.DriverPlan(
        branch=software.driver,
        open_kernel=gpu_stack.open_kernel(accelerators.ACCELERATORS[machine.accelerator]),
    )
    return bringup.BringUp(
        environment=env.environment,
        role="machine",
        distribution=machine.image.distribution,
        profile=machine.image.profile,
        region=env.region,
        bucket=bucket,
        ssh_public_keys=env.ssh_public_keys,
        driver=driver if plain else None,
        toolkit_version=software.toolkit if plain else None,
        accelerator=machine.accelerator,
        gpus=machine.count,
        data_gib=machine.data_gib,
        spot=machine.spot,
        train_env=hyperparameters(env.training),
        serve_env={
            "MODEL_NAME": env.model_name,
            "MAX_BATCH_SIZE": str(env.inference.max_batch_size),
            "MAX_BATCH_DELAY_MS": str(env.inference.max_batch_delay_ms),
        },
        run_prefix=run_prefix,
        jupyter=bringup.Jupyter(image=env.jupyter.image) if env.jupyter.image else None,
        ssm_agent=env.access.kind == "ssm",
    )


def bastion_plan(env: AwsVmEnvironment, *, bucket: str) -> bringup.BringUp:
    """The bastion. Its lifetime is in the bucket alone: a longer one replaces nothing."""
    return bringup.BringUp(
        environment=env.environment,
        role="bastion",
        distribution=BASTION_IMAGE.distribution,
        region=env.region,
        bucket=bucket,
        ssh_public_keys=env.ssh_public_keys,
    )


def through_bucket(env: AwsVmEnvironment) -> bool:
    """Whether the machine's bring-up is too large for user-data, and is fetched from the bucket."""
    return _size(bringup.render(_measured(env))) > bringup.LIMIT - _MARGIN


def check_sizes(env: AwsVmEnvironment) -> None:
    """Raises ConfigError where user-data would be refused, however it gets to the machine."""
    texts = {"machine": bringup.loader(_measured(env)) if through_bucket(env) else ""}
    if env.access.kind == "bastion":
        texts["bastion"] = bringup.render(bastion_plan(env, bucket=_BUCKET))
    problems = [
        Problem(
            path="berth:ssh_public_keys",
            reason=f"make the {role}'s user-data {_size(text)} bytes; EC2 takes {bringup.LIMIT}. Name fewer, "
            "or shorter ones, such as ed25519",
            example="- ssh-ed25519 AAAA…",
        )
        for role, text in texts.items()
        if _size(text) > bringup.LIMIT - _MARGIN
    ]
    if problems:
        raise ConfigError(env.environment, problems)


def with_images(plan: bringup.BringUp, *, train: str, serve: str, dataset_key: str) -> bringup.BringUp:
    """The plan with what the stack has made. train, serve: whole references."""
    from dataclasses import replace

    return replace(
        plan,
        registry=train.partition("/")[0],
        train_image=train,
        serve_image=serve,
        train_env={**plan.train_env, "DATASET_KEY": dataset_key},
    )


def _measured(env: AwsVmEnvironment) -> bringup.BringUp:
    """A plan as large as any of these values."""
    plan = machine_plan(env, bucket=_BUCKET, run_prefix=f"runs/{env.model_name}/{_RUN}")
    path = f"{_REGISTRY}/{env.repositories.prefix}-{env.environment}"
    return with_images(
        plan,
        train=f"{path}/train:{_TRAIN_TAG}",
        serve=f"{path}/serve:{_SERVE_TAG}",
        dataset_key=f"datasets/digits/{_DATASET}.npz",
    )


def _size(text: str) -> int:
    return len(text.encode())
