"""Run the plugin: `python -m rehearsal.providers.kubernetes [engine address]` prints its port and serves."""

import sys

from rehearsal.providers.kubernetes.servicer import Servicer
from rehearsal.providers.plugin.process import serve

if __name__ == "__main__":
    serve(Servicer, "pulumi_kubernetes", sys.argv[1:])
