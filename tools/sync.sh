#!/bin/sh
# Installs dependency groups of uv.lock into .venv: `sh tools/sync.sh GROUP ...`. Needs Python 3.11 or newer; uv is
# used from PATH when it is new enough, else it is put into .tools/uv first.
set -eu
cd "$(dirname "$0")/.."

UV_PINNED=0.13.9
UV_MINIMUM_MINOR=9

fail() {
    echo "$1" >&2
    exit 1
}

find_python() {
    # Each is run, not only looked up: version managers put names on PATH that answer with an error.
    for name in python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return 0
        fi
    done
    found=$(python3 --version 2>&1) || found="no python3"
    fail "Python 3.11 or newer is needed, but PATH has $found. Install one (python.org/downloads, your package \
manager, or pyenv) and run the same command again."
}

uv_is_new_enough() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^uv \([0-9]*\)\.\([0-9]*\).*/\1 \2/p') || return 1
    [ -n "$version" ] || return 1
    major=${version% *}
    minor=${version#* }
    [ "$major" -gt 0 ] || [ "$minor" -ge "$UV_MINIMUM_MINOR" ]
}

install_uv() {
    # A folder of its own that appears only when complete.
    rm -rf .tools/uv .tools/uv.new
    mkdir -p .tools
    echo "Getting uv $UV_PINNED from the Python package index (about 25 MB, once) ..." >&2
    if "$1" -m venv .tools/uv.new >/dev/null 2>&1; then
        .tools/uv.new/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_PINNED" >&2 ||
            fail "uv could not be installed. Is the package index reachable (pip config, proxy)? Or install uv \
yourself: docs.astral.sh/uv."
    elif "$1" -m pip --version >/dev/null 2>&1; then
        rm -rf .tools/uv.new
        "$1" -m pip install --quiet --disable-pip-version-check --target .tools/uv.new "uv==$UV_PINNED" >&2 ||
            fail "uv could not be installed. Is the package index reachable (pip config, proxy)? Or install uv \
yourself: docs.astral.sh/uv."
    else
        rm -rf .tools/uv.new
        fail "$1 has neither venv nor pip, so uv cannot be installed. Install one of them (Debian and Ubuntu: \
'apt install python3-venv'), or uv itself: docs.astral.sh/uv."
    fi
    mv .tools/uv.new .tools/uv
}

python=$(find_python)
if command -v uv >/dev/null 2>&1 && uv_is_new_enough uv; then
    uv=$(command -v uv)
else
    uv_is_new_enough .tools/uv/bin/uv || install_uv "$python"
    uv=.tools/uv/bin/uv
fi

groups=
for group in "$@"; do
    groups="$groups --group $group"
done
# An environment that is there keeps its Python; only a new one is told which to take.
[ -x .venv/bin/python ] || set -- --python "$python"
[ -x .venv/bin/python ] && set --
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT
echo "Installing packages from uv.lock ($(echo $groups | sed 's/--group //g')); the first time takes about a minute ..." >&2
# --inexact keeps what another group has installed, so that `make up` and `make test` do not undo each other.
# shellcheck disable=SC2086 # the groups are separate words
exec "$uv" sync --quiet --frozen --inexact --no-python-downloads $groups "$@"
