"""Run the emulated account: `python -m rehearsal.clouds.aws.serve --http 127.0.0.1:4566`. Needs no root."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from rehearsal import addresses
from rehearsal.clouds.aws import settings
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.admin import Administration
from rehearsal.clouds.aws.front import Front
from rehearsal.clouds.aws.groups import Reconciler
from rehearsal.clouds.aws.server import Server, server_context
from rehearsal.clouds.aws.settings import Settings


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal; returns the exit status."""
    options = _parser().parse_args(argv)
    settings.use(
        Settings(
            registry=options.registry,
            registry_password=options.registry_password_file.read_text().strip()
            if options.registry_password_file
            else Settings.registry_password,
            run=options.run,
            sources=options.sources,
            access_keys=settings.read_keys(options.credentials) if options.credentials else {},
        )
    )
    account = Account()
    if options.faults:
        account.faults.use(json.loads(options.faults.read_text()))
    reconciler = Reconciler(account.clients.get, account.count_change)
    account.watchers.append(reconciler.wake)
    threading.Thread(target=reconciler.run, daemon=True).start()
    servers = [Server(*_address(options.http), Administration(account))]
    if options.tls:
        context = server_context(options.certificate, options.key)
        servers += [Server(*_address(address), Front(account), context) for address in options.tls]
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"the emulated account answers on http://{options.http}\n")
    sys.stdout.flush()
    ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rehearsal.clouds.aws.serve", description=__doc__)
    parser.add_argument("--http", default="127.0.0.1:4566", help="HOST:PORT for SDKs and administration")
    parser.add_argument("--tls", action="append", help="HOST:PORT for machines, by AWS's host names")
    parser.add_argument("--certificate", help="PEM file for --tls")
    parser.add_argument("--key", help="PEM file for --tls")
    parser.add_argument("--credentials", type=Path, help="the access key it takes; without it, any")
    parser.add_argument("--registry", default=addresses.REGISTRY, help="HOST:PORT of the image registry")
    parser.add_argument("--registry-password-file", type=Path, help="the registry's password for user AWS")
    parser.add_argument("--run", type=Path, help="the rehearsal's run directory")
    parser.add_argument("--sources", type=Path, help="directory with a directory per package host")
    parser.add_argument("--faults", type=Path, help="JSON file of faults to inject")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
