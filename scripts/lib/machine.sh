# shellcheck shell=bash
# What the machine must be before anything is downloaded, and the packages that the bootstrap itself needs.
# The rehearsal checks its own needs (rehearsal/system.py).

VENV_MIB=1500

require_machine() {
    local obstacles=() free
    [ "$(id -u)" -eq 0 ] || obstacles+=("root is needed (containers, a network bridge, firewall rules): sudo $0")
    if [ "$(uname -m)" != x86_64 ]; then
        obstacles+=("the CPU is $(uname -m); only x86-64 is supported")
    elif ! grep -qw sse4_2 /proc/cpuinfo; then
        obstacles+=("the CPU lacks SSE4.2 (x86-64-v2), which numpy and torch need")
    fi
    command -v apt-get >/dev/null ||
        obstacles+=("there is no apt-get: Debian 12, 13 or Ubuntu from 22.04 is needed")
    free=$(df --output=avail -m "$ROOT" | tail -n 1)
    if ! virtualenv_ready && [ "$free" -lt "$VENV_MIB" ]; then
        obstacles+=("$ROOT needs $VENV_MIB MiB of disk for Python's libraries, and $free MiB are free")
    fi
    [ ${#obstacles[@]} -eq 0 ] && return
    say "error: this machine cannot run a rehearsal yet:"
    printf '  - %s\n' "${obstacles[@]}" >&2
    say "Nothing has been changed."
    exit 1
}

# find_python: set PYTHON to an interpreter of at least 3.11, or to nothing.
find_python() {
    local name
    PYTHON=
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            PYTHON=$(command -v "$name")
            return
        fi
    done
}

# bootstrap_packages: set PACKAGES to what apt has to bring so that a virtual environment can be made.
bootstrap_packages() {
    PACKAGES=()
    [ -e /etc/ssl/certs/ca-certificates.crt ] || PACKAGES+=(ca-certificates)
    find_python
    if [ -z "$PYTHON" ]; then
        local interpreter
        interpreter=$(offered_python)
        [ -n "$interpreter" ] || fail "Python 3.11 or newer is needed; $(python3 --version 2>/dev/null ||
            echo 'this machine has none') and its distribution offers none newer" \
            "Use Debian 12, 13 or Ubuntu from 22.04, or put a python3.11 on PATH."
        PACKAGES+=("$interpreter" "$interpreter-venv")
    elif ! "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null; then
        # Debian keeps these two modules in a package of their own.
        PACKAGES+=("$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
    fi
}

# offered_python: the oldest suitable interpreter in apt's lists; where there are no lists, Debian 12's and 13's own.
offered_python() {
    local name version
    for name in python3 python3.11 python3.12 python3.13; do
        version=$(apt-cache policy "$name" 2>/dev/null | sed -n 's/^ *Candidate: *//p')
        if [ -n "$version" ] && [ "$version" != '(none)' ] && dpkg --compare-versions "$version" ge 3.11~; then
            echo "$name"
            return
        fi
    done
    # shellcheck source=/dev/null
    case $(. /etc/os-release && echo "$ID-$VERSION_ID") in
    debian-1[2-9] | ubuntu-2[4-9].*) echo python3 ;;
    ubuntu-22.*) echo python3.11 ;;
    esac
}

apt() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8 \
        apt-get --yes --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# install_packages PACKAGE…: none of these has a service, so nothing has to be kept from starting.
install_packages() {
    [ $# -gt 0 ] || return 0
    say "System packages to be installed: $*"
    if ! apt install --simulate "$@" >/dev/null 2>&1; then
        if apt install --simulate "$@" 2>&1 | grep -q 'was interrupted'; then
            step "Finishing an interrupted installation" dpkg --configure -a || exit 1
        fi
        step "Package lists" apt update || fail "the package lists could not be read" \
            "Is there a network? \`apt-get update\` must work."
    fi
    step "System packages" apt install "$@" || fail "apt could not install: $*" \
        "Mend what apt says above; \`apt-get install $*\` must work."
}
