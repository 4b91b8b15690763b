# shellcheck shell=bash
# The plan of a first run, for a machine that has no virtual environment yet: afterwards `berth` computes it.
# plan.txt holds the facts; a test compares them with the code's.

show_plan() {
    local kind name detail missing
    bootstrap_packages
    missing=("${PACKAGES[@]}")
    while IFS='|' read -r kind name detail; do
        case $kind in
        program) PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null || missing+=("$detail") ;;
        file) [ -e "$name" ] || missing+=("$detail") ;;
        esac
    done <"$ROOT/scripts/lib/plan.txt"
    echo "To rehearse the environment '$1' on this machine, for the first time, ./scripts/up will"
    echo
    echo "  install these system packages (with what they depend on; no service is started):"
    echo "${missing[*]:-none}" | fold -s -w 100 | sed 's/^/    /'
    echo "  make $VENV with uv and the locked Python libraries (0.7 GiB)"
    echo "  download these programs where their official releases can be had, else build them from Go modules:"
    sed -n 's/^build|\([^|]*\)|\(.*\)/\1|\2/p' "$ROOT/scripts/lib/plan.txt" |
        while IFS='|' read -r name detail; do printf '    %-28s %s\n' "$name" "$detail"; done
    echo "  build these images, and push them to a registry on this machine:"
    sed -n 's/^image|\([^|]*\)|\(.*\)/\1|\2/p' "$ROOT/scripts/lib/plan.txt" |
        while IFS='|' read -r name detail; do printf '    %-28s %s\n' "$name" "$detail"; done
    echo "  start a Kubernetes cluster, object storage and the registry on 10.213.0.0/16, for this machine only,"
    echo "  and run \`pulumi up\` of '$1' in it."
    echo
    sed -n 's/^fact|\([^|]*\)|\(.*\)/\1: \2/p' "$ROOT/scripts/lib/plan.txt"
    echo
    echo "Nothing has been changed."
}
