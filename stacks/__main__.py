"""The Pulumi program: read the environment, build it, export its outputs."""

import importlib
import sys

import pulumi

from infra.asking import LookUpError
from infra.config import load
from infra.problems import ConfigError

# Tells the language host that the user has already read what is wrong.
_SAID_SO = 32


def main() -> None:
    try:
        environment = load()
        target = importlib.import_module(f"stacks.{environment.target.replace('-', '_')}")
        outputs = target.build(environment)
    except (ConfigError, LookUpError) as error:
        pulumi.log.error(str(error))
        sys.exit(_SAID_SO)
    for name, value in outputs.exports().items():
        pulumi.export(name, value)


main()
