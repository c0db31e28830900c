#!/bin/sh
# Builds the container image from the Dockerfile: `make image`. What may be set:
#   TAG         its name; default rag:dev
#   BASE_IMAGE  another base than the one that the Dockerfile pins (Python 3.11 or newer, with venv)
#   BUILD_IMAGE the base of the first stage, where one name cannot stand for two platforms
#   PLATFORM    linux/amd64 or linux/arm64; default: the engine's own
#   CA_BUNDLE   authorities that the build trusts beside its own; default: this shell's SSL_CERT_FILE
#   NETWORK     the network of the build's commands, for an engine that has no bridge
#   DOCKER      the docker client
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "$1" >&2
    exit 1
}

# BuildKit is part of the clients before 23, and of the plugin buildx after; either will do, whichever comes first.
find_client() {
    for name in ${DOCKER:-docker /usr/bin/docker}; do
        "$name" --version >/dev/null 2>&1 || continue
        if "$name" buildx version >/dev/null 2>&1; then
            client=$name
            command="buildx build --load"
            return 0
        fi
        major=$("$name" --version | sed -n 's/^Docker version \([0-9]*\)\..*/\1/p')
        if [ "${major:-99}" -lt 23 ]; then
            client=$name
            command="build"
            export DOCKER_BUILDKIT=1
            return 0
        fi
        old=$name
    done
    [ -z "${old:-}" ] || fail "$old cannot build with BuildKit, so the Dockerfile's cache mounts would not work. \
Install its plugin buildx (docs.docker.com/build/install-buildx; on Debian and Ubuntu the package docker-buildx), and \
run the same command again."
    fail "There is no docker on PATH, so the image cannot be built. Install Docker (docs.docker.com/engine/install), or \
let 'IMAGE_ENGINE_INSTALL=1 make test-image' install Debian's as root: that builds the image and runs it."
}

find_client
"$client" info >/dev/null 2>&1 || fail "$client reaches no engine, so the image cannot be built. Start Docker, or set \
DOCKER_HOST to an engine that you may use. 'make test-image' as root on Debian starts one of its own for its tests."

tag=${TAG:-rag:dev}
ca_bundle=${CA_BUNDLE:-${SSL_CERT_FILE:-}}
set --
[ -z "${BASE_IMAGE:-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE"
[ -z "${BUILD_IMAGE:-}" ] || set -- "$@" --build-arg "BUILD_IMAGE=$BUILD_IMAGE"
[ -z "${PLATFORM:-}" ] || set -- "$@" --platform "$PLATFORM"
[ -z "${NETWORK:-}" ] || set -- "$@" --network "$NETWORK"
[ -z "$ca_bundle" ] || set -- "$@" --secret "id=ca-bundle,src=$ca_bundle"
revision=$(git rev-parse --verify --quiet HEAD 2>/dev/null) || revision=
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' app/__init__.py)
set -- "$@" --build-arg "VERSION=$version" --build-arg "REVISION=$revision"

# shellcheck disable=SC2086 # the command is separate words
"$client" $command --tag "$tag" "$@" . || fail "The image was not built; the lines above say why. If no image registry \
can be reached, a base can be made of Debian's packages: 'sudo sh tools/image_base.sh rag-base:debian', then \
'make image BASE_IMAGE=rag-base:debian'."
echo "Built $tag: $("$client" image inspect --format '{{.Id}}, {{.Size}} bytes' "$tag")"
