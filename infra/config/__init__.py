"""What an environment's values file may say.

Owns every key, its default and its example (a module a target); the only reader of `pulumi.Config`. `parse`
is pure, so that the rules can be tested, and used, without an engine. All problems of a file are reported at
once.
"""

from infra.config.aws_vm import AwsVmEnvironment
from infra.config.local import Inference, LocalEnvironment, Pod, Quota, Training
from infra.config.reading import AnyEnvironment, load, parse
from infra.config.shared import PROJECT, Hyperparameters

__all__ = [
    "PROJECT",
    "AnyEnvironment",
    "AwsVmEnvironment",
    "Hyperparameters",
    "Inference",
    "LocalEnvironment",
    "Pod",
    "Quota",
    "Training",
    "load",
    "parse",
]
