# shellcheck shell=bash
# The plan of a first run, for a machine that has no virtual environment yet: afterwards `berth` computes it.
# plan.txt holds the facts, one to a line: kind, or kind@target, then a name and a detail. A test compares them
# with the code's.

# facts KIND TARGET: the lines of this kind that concern the target, as name|detail.
facts() { sed -n "s/^$1\(@$2\)\{0,1\}|//p" "$ROOT/scripts/lib/plan.txt"; }

show_plan() {
    local name detail missing target values=$ROOT/stacks/Pulumi.$1.yaml
    [ -f "$values" ] || fail "there is no environment '$1'" "Each is a values file stacks/Pulumi.<environment>.yaml."
    target=$(sed -n 's/^ *berth:target: *//p' "$values")
    bootstrap_packages
    missing=("${PACKAGES[@]}")
    while IFS='|' read -r name detail; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null || missing+=("$detail")
    done < <(facts program "$target")
    while IFS='|' read -r name detail; do
        [ -e "$name" ] || missing+=("$detail")
    done < <(facts file "$target")
    echo "To rehearse the environment '$1' on this machine, for the first time, ./scripts/up will"
    echo
    echo "  install these system packages (with what they depend on; no service is started):"
    echo "${missing[*]:-none}" | fold -s -w 100 | sed 's/^/    /'
    echo "  make $VENV with uv and the locked Python libraries (0.7 GiB)"
    echo "  download these programs where their official releases can be had, else build them from Go modules:"
    facts build "$target" | table
    echo "  build these images:"
    facts image "$target" | table
    facts start "$target" | sed 's/^/  /'
    echo "  and run \`pulumi up\` of '$1' in it."
    echo
    facts fact "$target" | sed 's/|/: /'
    echo
    echo "Nothing has been changed."
}

table() {
    local name detail
    while IFS='|' read -r name detail; do printf '    %-28s %s\n' "$name" "$detail"; done
}
