"""Run the plugin: `python -m rehearsal.providers.aws [engine address]` prints its port and serves."""

import sys

from rehearsal.providers.aws.schema import SDK
from rehearsal.providers.aws.servicer import Servicer
from rehearsal.providers.plugin.process import serve

if __name__ == "__main__":
    serve(Servicer, SDK, sys.argv[1:])
