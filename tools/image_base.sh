#!/bin/sh
# Makes a base image of Debian's packages, for builds where no image registry can be reached:
# `sh tools/image_base.sh TAG`, as root. The same release of Debian, and the same minor release of Python, as the base
# that the Dockerfile pins. What may be set:
#   CACHE       a file that keeps the base's files, so that the next run takes seconds
#   MIRROR      Debian's packages; default: the one that this machine's apt uses, else debootstrap's own
#   DOCKER      the docker client
set -eu

SUITE=trixie

fail() {
    echo "$1" >&2
    exit 1
}

mirror_of_apt() {
    sed -n -e 's/^URIs: *\([^ ]*\/debian\)\/*$/\1/p' -e 's/^deb \(\[.*\] \)\{0,1\}\([^ ]*\/debian\)\/* .*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null | head -n 1
}

make_files() {
    command -v debootstrap >/dev/null || fail "debootstrap is missing, so there is nothing to make the base with. \
Install it (Debian and Ubuntu: 'apt-get install debootstrap')."
    [ "$(id -u)" = 0 ] || fail "debootstrap makes files of root's, so this must run as root: \
'sudo sh tools/image_base.sh $tag'."
    echo "Making a base of Debian's packages ($SUITE; about a minute) ..." >&2
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
        "$SUITE" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        fail "Debian's packages could not be installed; the lines above say why. Is the mirror reachable?"
    }
    # What Debian's own slim images leave out too.
    rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/var/log/* \
        "$work"/root/usr/share/doc/* "$work"/root/usr/share/info/* "$work"/root/usr/share/locale/* \
        "$work"/root/usr/share/man/*
    tar -C "$work/root" -cf "$work/base.tar" .
}

[ $# = 1 ] || fail "Name the image to make: sh tools/image_base.sh TAG"
tag=$1
docker=${DOCKER:-docker}
mirror=${MIRROR:-$(mirror_of_apt)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

files=$work/base.tar
if [ -n "${CACHE:-}" ] && [ -f "$CACHE" ]; then
    files=$CACHE
else
    make_files
    if [ -n "${CACHE:-}" ]; then
        mkdir -p "$(dirname "$CACHE")"
        # It appears only when complete.
        cp "$files" "$CACHE.new"
        mv "$CACHE.new" "$CACHE"
    fi
fi
"$docker" import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$files" "$tag"
