# The release: one image, whose command is chosen by the platform (components/workload.py): web, worker or migration.
#
# Needs BuildKit, but no frontend image (`# syntax=`) and no other registry image than its base. Nothing is compiled:
# every package of the group `app` has a wheel for both platforms. The last stage runs no command, and the first one
# runs on the machine that builds, so neither platform needs an emulator.

# The digest of the index, which holds amd64 and arm64. Any image with Python 3.11 or newer and its `venv` fits as
# well, such as the one that tools/image_base.sh makes of Debian's packages where no registry can be reached.
ARG BASE_IMAGE=python:3.13.16-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f
# Differs from BASE_IMAGE only where one name cannot stand for two platforms (an imported base).
ARG BUILD_IMAGE=${BASE_IMAGE}


FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS build

# The pin of tools/sync.sh; a test compares them.
ARG UV_VERSION=0.13.9
# A company's proxy signs with its own authority: `--secret id=ca-bundle,src=bundle.pem` makes it known to this build
# and leaves nothing in the image.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca-bundle \
    set -eu; \
    if [ -f /run/secrets/ca-bundle ]; then export PIP_CERT=/run/secrets/ca-bundle; fi; \
    python3 -m venv /opt/uv; \
    /opt/uv/bin/python -m pip install --disable-pip-version-check --quiet "uv==${UV_VERSION}"

# Compiled now, because at run time the root is read-only: without it each process compiles every module at each start.
# Unchecked hashes, because nothing in an image changes later, and because they do not hold the time of the build.
ENV PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON=python3 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
ARG TARGETARCH
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca-bundle \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    set -eu; \
    if [ -f /run/secrets/ca-bundle ]; then export SSL_CERT_FILE=/run/secrets/ca-bundle; fi; \
    case "${TARGETARCH}" in \
        amd64) platform=x86_64-manylinux_2_28 ;; \
        arm64) platform=aarch64-manylinux_2_28 ;; \
        *) echo "This image is built for amd64 and arm64, not for ${TARGETARCH}." >&2; exit 1 ;; \
    esac; \
    /opt/uv/bin/uv sync --quiet --frozen --no-build --only-group app --python-platform "${platform}"; \
    rm -f /opt/venv/.lock

WORKDIR /srv/rag
COPY alembic.ini gunicorn_conf.py ./
COPY certificates/ certificates/
COPY alembic/ alembic/
COPY app/ app/
# Whatever the umask of the checkout was: root owns, everybody reads, nobody writes.
RUN chmod -R u=rwX,go=rX . && python3 -m compileall -q --invalidation-mode unchecked-hash .


FROM ${BASE_IMAGE} AS image

ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    API_HOST=0.0.0.0 \
    API_PORT=8000 \
    # Above the longest idle time of a load balancer that reuses connections (Google's: 600 s, Azure's: 240 s, AWS's:
    # 60 s): one that the service closed first would be a 502 for whoever is sent on it.
    KEEPALIVE_SECONDS=620

WORKDIR /srv/rag
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/rag /srv/rag

# By number, so that Kubernetes can see that it is not root; no name is needed.
USER 10001:10001
EXPOSE 8000
# What a process may write to where the root is read-only. Fargate's volumes belong to root, unless the image declares
# the same path: then they take over its owner and mode.
VOLUME ["/tmp"]
STOPSIGNAL SIGTERM
# Of the web process. The worker has no port: run it with --no-healthcheck; its exit is its report.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "app.healthcheck"]
CMD ["gunicorn", "--config", "gunicorn_conf.py", "app.main:app"]

# Last, so that a new commit alone leaves every layer as it was.
ARG BASE_IMAGE
ARG REVISION=
ARG VERSION=
LABEL org.opencontainers.image.title="rag-service" \
      org.opencontainers.image.description="A RAG service: FastAPI over PostgreSQL, its worker and its migrations" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}"
