# shellcheck shell=bash
# How the scripts speak: plain lines on standard error, and one clear message at the end of what cannot be done.

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [HINT]: what is wrong, then what to do about it.
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '%s\n' "$2" >&2
    exit 1
}

# step NAME COMMAND…: run a command with its output in a log; show the end of the log if it fails.
# Returns the command's status.
step() {
    local name=$1 began=$SECONDS status=0 file log
    shift
    # Without a name already, so that nothing is left behind by an interruption.
    file=$(mktemp -t berth-bootstrap.XXXXXX)
    exec {log}<>"$file"
    rm -f "$file"
    say "  … $name"
    "$@" >&"$log" 2>&1 || status=$?
    if [ "$status" -eq 0 ]; then
        say "  done $name $((SECONDS - began)) s"
    else
        say "  failed $name after $((SECONDS - began)) s; the end of its output:"
        tail -n 30 "/dev/fd/$log" | sed 's/^/    /' >&2
        say "  to repeat it by hand: $*"
    fi
    exec {log}>&-
    return "$status"
}
