"""A release as a container image: built and pushed by the program, or one that a registry already holds.

Everything after this refers to the image's digest. A tag is only a name for people: which image it means can change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

import pulumi
import pulumi_docker_build as docker_build
import pulumi_random as random

from components.contracts import DeploymentError, ReleaseHandle
from components.naming import image_digest

CACHE_TAG = "buildcache"
CHECKOUT = "."
"""The folder of Pulumi.yaml, where the engine runs its providers: an absolute path would differ by machine."""
MARK_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class RegistryLogin:
    """How the builder logs in to the registry. `password` is a secret, also in the stack's state."""

    server: pulumi.Input[str]
    username: pulumi.Input[str]
    password: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """What an image is built from: the checkout and the version that labels it.

    `tag` is another one whenever the source is, and names the image for people. `platforms` is what it must run on.
    """

    version: str
    tag: str
    platforms: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """`image` is a reference `repository@sha256:...` that is deployed as it is; else `source` is built and pushed.

    `repository` is host and path, without a tag. `login` is left out where the machine's own Docker knows how to log
    in (a credential helper). `cache` keeps the layers beside the images, so that a build on another machine is quick.
    """

    repository: pulumi.Input[str] | None
    source: ImageSource | None = None
    image: str | None = None
    login: RegistryLogin | None = None
    cache: bool = True


class Release(pulumi.ComponentResource):
    """One release of the service in a registry; `handle.location` is the image by its digest."""

    handle: ReleaseHandle

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:release:Release", name, None, opts)
        if args.image is not None:
            self.handle = _existing(args.image)
        else:
            image = _build(name, args, pulumi.ResourceOptions(parent=self))
            repository = pulumi.Output.from_input(args.repository)
            self.handle = ReleaseHandle(
                digest=image.digest, location=pulumi.Output.format("{}@{}", repository, image.digest)
            )
        self.register_outputs({"digest": self.handle.digest, "image": self.handle.location})


def _existing(image: str) -> ReleaseHandle:
    digest = image_digest(image)
    if digest is None:
        raise DeploymentError(
            f"image {image!r} is not pinned by its digest, so nobody would know what was deployed; nothing was "
            "deployed. Write repository@sha256: and 64 hexadecimal digits"
        )
    return ReleaseHandle(digest=digest, location=pulumi.Output.from_input(image))


def _build(name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions) -> docker_build.Image:
    if args.source is None or args.repository is None:
        raise DeploymentError(
            "a release needs an image, or a source and a repository to push what is built; nothing was deployed. "
            "Set release.image or registry.repository"
        )
    source, repository = args.source, pulumi.Output.from_input(args.repository)
    cached = pulumi.Output.format("{}:{}", repository, CACHE_TAG)
    return docker_build.Image(
        f"{name}-image",
        context=docker_build.BuildContextArgs(location=CHECKOUT),
        dockerfile=docker_build.DockerfileArgs(location=f"{CHECKOUT}/Dockerfile"),
        build_args={"VERSION": source.version},
        platforms=[docker_build.Platform(platform) for platform in source.platforms],
        tags=[pulumi.Output.format("{}:{}", repository, _new_tag(name, args, source, opts))],
        push=True,
        # A preview would build, and export the cache, with whatever the pull request's branch says.
        build_on_preview=False,
        cache_from=[_cache_from(cached)] if args.cache else None,
        cache_to=[_cache_to(cached)] if args.cache else None,
        registries=[
            docker_build.RegistryArgs(
                address=args.login.server, username=args.login.username, password=args.login.password
            )
        ]
        if args.login
        else None,
        # Removing an old image is the registry's retention's work: a rollback needs it.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(retain_on_delete=True)),
    )


def _new_tag(name: str, args: ReleaseArgs, source: ImageSource, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A tag that was never pushed, for each build a new one.

    Builds are not reproducible: the same source gives another image, which registries with immutable tags refuse to
    take under a tag that they know. So the mark is another one whenever anything makes the builder build again.
    """
    login = args.login
    mark = random.RandomId(
        f"{name}-tag",
        byte_length=MARK_BYTES,
        keepers={
            "source": source.tag,
            "version": source.version,
            "platforms": " ".join(source.platforms),
            "repository": args.repository or "",
            "login": "" if login is None else pulumi.Output.format("{} {}", login.server, login.username),
            "cache": str(args.cache),
            "builder": metadata.version("pulumi-docker-build"),
        },
        opts=opts,
    )
    return pulumi.Output.format("{}-{}", source.tag, mark.hex)


def _cache_from(reference: pulumi.Output[str]) -> docker_build.CacheFromArgs:
    return docker_build.CacheFromArgs(registry=docker_build.CacheFromRegistryArgs(ref=reference))


def _cache_to(reference: pulumi.Output[str]) -> docker_build.CacheToArgs:
    """The layers of every stage, in the form that registries take; a cache that cannot be written fails no release."""
    return docker_build.CacheToArgs(
        registry=docker_build.CacheToRegistryArgs(
            ref=reference,
            mode=docker_build.CacheMode.MAX,
            image_manifest=True,
            oci_media_types=True,
            ignore_error=True,
        )
    )
