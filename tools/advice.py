"""What those errors of the engine mean that a newcomer cannot read, and what to do about them, by kind of stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ON_PATH: Final = 'export PATH="$(.venv/bin/python -m tools.pulumi_cli):$PATH"'
"""Puts the engine that `make` uses on PATH, where there is none."""
GUIDES: Final = {"aws": "docs/aws.md", "kubernetes": "docs/kubernetes.md"}
OTHER_GUIDE: Final = "docs/deployment.md"


@dataclass(frozen=True, kw_only=True)
class Advice:
    """`text` is told when one of the `signs` stands in the output of a run that failed."""

    signs: Sequence[str]
    text: str


def advice_in(output: str, table: Iterable[Advice]) -> list[str]:
    """The advice that fits this output."""
    return [advice.text for advice in table if any(sign in output for sign in advice.signs)]


LOCAL_ADVICE: Final = (
    Advice(
        signs=("incorrect passphrase",),
        text=(
            "The passphrase in .local/pulumi/passphrase is not the one that the stack was created with, so its secrets "
            "cannot be read and nothing was changed. Restore the file. When it is lost, remove .local (`make down` "
            "first): `make up` then begins anew, without the old data."
        ),
    ),
    Advice(
        signs=("the stack is currently locked",),
        text=(
            "Another run is working on this stack. Wait for it; when you know that it is over, "
            "run `python -m tools.stack cancel --stack local`."
        ),
    ),
    Advice(
        signs=("could not find plugin",),
        text=(
            "A provider plugin is missing, and nothing is downloaded for the local stack. Was the CLI's folder "
            "changed? Remove it (`python -m tools.pulumi_cli` prints it) and try again."
        ),
    ),
)
"""For the stack of this machine: its state lies in the checkout, and nothing of it is anybody else's."""


def how_to_begin(stack: str, cloud: str) -> str:
    """The commands that make a stack known to a backend, for somebody who has nothing but the checkout."""
    bucket = "s3://BUCKET?region=REGION" if cloud == "aws" else "s3://BUCKET, gs://BUCKET, azblob://CONTAINER"
    key = "awskms://alias/NAME?region=REGION" if cloud == "aws" else "awskms://..., gcpkms://..., azurekeyvault://..."
    return (
        f"  {ON_PATH}\n"
        f"  pulumi login                    # Pulumi Cloud; or a bucket of yours: pulumi login '{bucket}'\n"
        f"  pulumi stack init {stack}          # with a bucket: --secrets-provider '{key}',\n"
        "                                  # or a passphrase, which PULUMI_CONFIG_PASSPHRASE holds from then on\n"
        f"{GUIDES.get(cloud, OTHER_GUIDE)} says what each of them is."
    )


def other_advice(stack: str, cloud: str) -> tuple[Advice, ...]:
    """For a stack elsewhere: backend, passphrase and credentials are the user's own."""
    return (
        Advice(
            signs=("PULUMI_ACCESS_TOKEN must be set", "not logged in"),
            text=(
                "Pulumi is not logged in to any backend, so it does not know where the stack's state lies and nothing "
                f"was done. Log in, and create the stack if it is new:\n{how_to_begin(stack, cloud)}"
            ),
        ),
        Advice(
            signs=(f"no stack named '{stack}' found",),
            text=(
                f"The backend that you are logged in to has no stack `{stack}`, so nothing was done. Log in to the "
                f"one that has it, or create it:\n{how_to_begin(stack, cloud)}"
            ),
        ),
        Advice(
            signs=("incorrect passphrase",),
            text=(
                f"PULUMI_CONFIG_PASSPHRASE (or the file that PULUMI_CONFIG_PASSPHRASE_FILE names) is not what the "
                f"stack `{stack}` was created with, so its secrets cannot be read and nothing was changed. Set the "
                "right one; there is no other way to the secrets."
            ),
        ),
        Advice(
            signs=("passphrase must be set with",),
            text=(
                f"The secrets of the stack `{stack}` are encrypted with a passphrase, and none is set, so nothing was "
                "changed. Export PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE with the path of a file "
                "that holds it. To be rid of it: `pulumi stack change-secrets-provider`, for example to a key of KMS."
            ),
        ),
        Advice(
            signs=("the stack is currently locked", "Another update is currently in progress"),
            text=(
                "Another run is working on this stack. Wait for it; when you know that it is over, run "
                f"`pulumi cancel --stack {stack}`. Where there is no pulumi on PATH: {ON_PATH}"
            ),
        ),
        Advice(
            signs=("could not find plugin", "no resource plugin", "Could not automatically download and install"),
            text=(
                "A provider's plugin is missing and could not be downloaded, so nothing was changed. Is the network "
                "there, and its proxy set (HTTPS_PROXY)? Then `pulumi plugin install resource NAME VERSION`, with the "
                f"name and version that stand above. Where there is no pulumi on PATH: {ON_PATH}"
            ),
        ),
        *_OF_CREDENTIALS,
    )


_OF_CREDENTIALS: Final = (
    Advice(
        signs=(
            "No valid credential sources found",
            "NoCredentialProviders",
            "failed to refresh cached credentials",
            "no EC2 IMDS role found",
            "Unable to locate credentials",
        ),
        text=(
            "There are no credentials of AWS here. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY "
            "(and AWS_SESSION_TOKEN), or log in with `aws sso login`; `aws sts get-caller-identity` shows whether "
            "they work. The backend's bucket and key need them too."
        ),
    ),
    Advice(
        signs=("ExpiredToken", "InvalidClientTokenId", "The security token included in the request"),
        text=(
            "AWS does not take these credentials (any more). Get new ones, for example with `aws sso login`; "
            "`aws sts get-caller-identity` shows whether they work."
        ),
    ),
    Advice(
        signs=("configured Kubernetes cluster is unreachable",),
        text=(
            "The cluster does not answer. Is the network (a VPN?) there, and is rag:kubernetes.context the right one? "
            "`kubectl --context CONTEXT version` shows whether it can be reached."
        ),
    ),
    Advice(
        signs=("Cannot connect to the Docker daemon", "failed to connect to the docker API"),
        text=(
            "The image is built here, and no Docker answers. Start it, or name one with DOCKER_HOST; `docker info` "
            "shows whether it runs. An image that exists already needs none: rag:release.image."
        ),
    ),
)
