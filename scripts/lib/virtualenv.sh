# shellcheck shell=bash
# The virtual environment .venv: uv with its hash verified, the locked libraries, berth itself as an editable
# install. Made again only where a lock changed; an interrupted installation goes on where it stopped. The policy
# pack has an environment of its own beside it: its SDK pins an older protobuf.

VENV=$ROOT/.venv
POLICY_VENV=$ROOT/infra/policy/.venv
STAMP=$VENV/.locks

locks() {
    echo "$ROOT"
    (cd "$ROOT" && sha256sum requirements/{bootstrap,dev,policy}.txt pyproject.toml)
}

virtualenv_ready() {
    local program
    for program in "$VENV"/bin/{python,berth} "$POLICY_VENV/bin/python"; do
        [ -x "$program" ] || return
    done
    [ "$(cat "$STAMP" 2>/dev/null)" = "$(locks)" ] && "$VENV/bin/python" -c '' 2>/dev/null
}

# use_index: uv does not read pip's configuration; let it use the same package index, and trust what the machine
# trusts.
use_index() {
    local index
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
        # pip's own files: some or all may be missing.
        index=$(sed -n 's/^ *index-url *= *//p' /etc/pip.conf ~/.pip/pip.conf ~/.config/pip/pip.conf 2>/dev/null || :)
        index=${PIP_INDEX_URL:-${index##*$'\n'}}
        [ -z "$index" ] || export UV_DEFAULT_INDEX=$index
    fi
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
    if [ -n "${PIP_CERT:-}" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE=$PIP_CERT; fi
}

# uv_works: a Python that has gone from the machine leaves a virtual environment whose interpreter does not start,
# and a checkout that was moved one whose programs name the old place.
uv_works() {
    grep -qsF "$VENV" "$VENV/bin/activate" && "$VENV/bin/python" -c '' 2>/dev/null &&
        "$VENV/bin/uv" --version >/dev/null 2>&1
}

install_uv() {
    uv_works && return
    rm -rf "$VENV"
    # Until uv is in, there is nothing worth keeping.
    trap 'rm -rf "$VENV"' EXIT
    step "Virtual environment" "$PYTHON" -m venv "$VENV" ||
        fail "$PYTHON cannot make a virtual environment" "It needs the modules venv and ensurepip."
    step "uv" "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2 --timeout 20 \
        --no-deps --require-hashes -r "$ROOT/requirements/bootstrap.txt" ||
        fail "uv could not be installed" "Is there a network? pip says above what it could not reach."
    trap - EXIT
}

install_libraries() {
    local settings=(--quiet --python "$VENV/bin/python")
    rm -f "$STAMP"
    step "Python libraries (about 20 seconds)" \
        "$VENV/bin/uv" pip sync "${settings[@]}" --require-hashes "$ROOT/requirements/dev.txt" ||
        fail "the Python libraries could not be installed" "Run the command again; what is there is kept."
    step "berth itself" \
        "$VENV/bin/uv" pip install "${settings[@]}" --offline --no-deps --no-build-isolation --editable "$ROOT" ||
        fail "berth could not be installed into $VENV"
    [ -x "$POLICY_VENV/bin/python" ] && "$POLICY_VENV/bin/python" -c '' 2>/dev/null ||
        "$VENV/bin/uv" venv --quiet --clear --python "$VENV/bin/python" "$POLICY_VENV" ||
        fail "the policy pack's environment could not be made in $POLICY_VENV"
    step "Policy pack's libraries" "$VENV/bin/uv" pip sync --quiet --python "$POLICY_VENV/bin/python" \
        --require-hashes "$ROOT/requirements/policy.txt" ||
        fail "the policy pack's libraries could not be installed" "Run the command again; what is there is kept."
    locks >"$STAMP"
}
