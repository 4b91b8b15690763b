"""`python -m scripts.ci.drift ENV`: whether the account still is what was deployed. It changes nothing.

The comparison is with the values of the last deployment, not with those of the checkout, and with the program
of the checkout. Exit status: 0 no difference, or nothing there to compare; else Pulumi's.
"""

import sys

from rehearsal.errors import BerthError
from scripts.berth import lifetime, policy, stack
from scripts.berth.account import place as account
from scripts.berth.place import Place


def drift(place: Place, env: str) -> int:
    """Show what an `up` would have to mend; returns the exit status."""
    if not place.has_stack(env) or not stack.kinds(stack.exported(place, env)):
        print(f"{env} is not deployed.")
        return 0
    # https://www.pulumi.com/docs/iac/cli/commands/pulumi_config_refresh/
    place.capture("config", "refresh", "--force", "--stack", env)
    if lifetime.has_ended(place, env):
        print(f"The lifetime of {env} has ended: `berth reap` removes it.")
        return 0
    # A preview takes no lock on the state, as `pulumi refresh --preview-only` would.
    flags = ["--refresh", "--diff", "--expect-no-changes", *policy.arguments()]
    return place.run("preview", "--stack", env, *flags)


def main() -> int:
    """Compare, and say what differs."""
    if len(sys.argv) != 2:
        print("usage: python -m scripts.ci.drift ENV", file=sys.stderr)
        return 2
    env = sys.argv[1]
    try:
        return drift(account(env), env)
    except BerthError as error:
        print(f"error: {error.message}", error.hint, sep="\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
