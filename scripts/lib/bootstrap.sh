# shellcheck shell=bash
# Source this first: it sets ROOT and brings `bootstrap`, which leaves a working .venv or stops with one message.

set -Eeuo pipefail
trap 'echo "error: ${BASH_SOURCE[0]} line $LINENO: \`$BASH_COMMAND\` failed" >&2' ERR
trap 'echo "Interrupted. Run the command again: it goes on where it stopped." >&2; exit 130' INT TERM
# Bytecode that is kept makes every later command seconds faster; it goes where git does not look.
unset PYTHONDONTWRITEBYTECODE
ROOT=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
for part in say machine virtualenv; do
    # shellcheck source=/dev/null
    . "$ROOT/scripts/lib/$part.sh"
done

bootstrap() {
    use_index
    if virtualenv_ready; then return; fi
    # A second bootstrap of the same checkout waits: the lock is on the directory, so no file is left behind.
    exec 9<"$ROOT"
    flock -n 9 || { say "waiting for another bootstrap of $ROOT"; flock 9; }
    if ! virtualenv_ready; then
        say "Setting up Python in $VENV"
        bootstrap_packages
        if [ ${#PACKAGES[@]} -gt 0 ]; then
            [ "$(id -u)" -eq 0 ] || fail "these packages are needed: ${PACKAGES[*]}" \
                "sudo apt-get install ${PACKAGES[*]}"
            install_packages "${PACKAGES[@]}"
            find_python
            [ -n "$PYTHON" ] || fail "no Python of at least 3.11 after installing ${PACKAGES[*]}"
        fi
        install_uv
        install_libraries
    fi
    exec 9<&-
}
