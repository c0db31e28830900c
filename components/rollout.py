"""The rollout check: a green update means that the new release is what users get.

Platforms go back to the old release by themselves and call that a success. So the public address is asked until
`/health` reports the digest just released; if the platform went back or stays on the old one, the update fails with
the platform's own evidence.
"""

import http.client
import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any, cast
from urllib.error import URLError
from urllib.parse import urlsplit

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import DeploymentError, ReleaseHandle, ServiceHandle
from components.dynamic import plain_errors
from components.naming import short

POLL_SECONDS = 0.2
AGREEING_ANSWERS = 3
"""So many answers in a row must name the new release: a platform may send the first to either generation."""


def check_rollout(
    address: str, *, digest: str, serving: str, evidence: str, seconds: int, rollback: str, ask: bool = True
) -> str:
    """Polls `address` until it reports `digest`; returns the evidence that was used, in words.

    Without `ask` the platform's own word is enough, for addresses that cannot be reached from here. `rollback` is the
    command that goes back. Raises DeploymentError when the platform says that it serves another release, or when the
    time is over.
    """
    if serving != digest:
        raise DeploymentError(_went_back(digest, serving, evidence))
    if not ask:
        return f"the platform serves {short(digest)}; {address} was not asked (rollout.evidence: platform)"
    deadline = time.monotonic() + seconds
    agreed, last = 0, "no answer"
    while agreed < AGREEING_ANSWERS:
        release, last = _ask(address)
        agreed = agreed + 1 if release == digest else 0
        if agreed < AGREEING_ANSWERS:
            if time.monotonic() > deadline:
                raise DeploymentError(
                    f"release {short(digest)} is not what users get: {address} said {last} for {seconds} s. The update "
                    f"is not a success; see the service's log, or go back with `{rollback}`.\n{evidence}".rstrip()
                )
            time.sleep(POLL_SECONDS)
    return f"{address} reports {short(digest)}"


def _went_back(digest: str, serving: str, evidence: str) -> str:
    now = f"release {short(serving)} goes on serving" if serving else "nothing serves as it should"
    return f"release {short(digest)} was taken back: {now}. Correct the release and deploy again.\n{evidence}"


def _ask(address: str) -> tuple[str, str]:
    """The release that answers, and the answer in words for a message."""
    try:
        with _opener(address).open(address, timeout=5) as response:
            body = cast(object, json.loads(cast(http.client.HTTPResponse, response).read()))
    except (URLError, OSError, ValueError, http.client.HTTPException) as error:
        return "", f"{type(error).__name__}: {error}"
    if not isinstance(body, dict):
        return "", "something that is not a JSON object"
    release = cast(dict[str, object], body).get("release")
    return (release, f"release {short(release)}") if isinstance(release, str) and release else ("", "no release")


def _opener(address: str) -> urllib.request.OpenerDirector:
    """A public address may only be reachable through a proxy of the environment; this machine never is."""
    loopback = urlsplit(address).hostname in {"127.0.0.1", "::1", "localhost"}
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if loopback else []))


class _CheckProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=short(props["digest"]), outs=_check(props) | {"previous": ""})

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Checked again whenever the release, its rollout, the address or what the platform serves is another."""
        keys = ("digest", "address", "serving", "evidence", "ask")
        changes = any(_olds.get(key) != _news[key] for key in keys)
        return DiffResult(changes=changes or _olds.get("rollout", "") != _news["rollout"])

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """A release that users got is what the next one can be rolled back to."""
        before = _olds.get("release", "")
        previous = before if before != _news["release"] else _olds["previous"]
        return UpdateResult(outs=_check(_news) | {"previous": previous})


def _check(props: dict[str, Any]) -> dict[str, Any]:
    used = check_rollout(
        props["address"],
        digest=props["digest"],
        serving=props["serving"],
        evidence=props["evidence"],
        seconds=int(props["seconds"]),
        rollback=props["rollback"],
        ask=bool(props["ask"]),
    )
    return {**props, "used": used}


class _Check(Resource, module="release", name="Check"):
    used: pulumi.Output[str]
    url: pulumi.Output[str]
    previous: pulumi.Output[str]

    def __init__(self, name: str, *, args: "RolloutCheckArgs", opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "url": args.service.url,
            "address": pulumi.Output.concat(args.service.url, args.health),
            "digest": args.release.digest,
            "release": args.release.location,
            "ask": args.ask,
            "rollback": args.rollback,
            "serving": args.service.serving,
            "evidence": args.service.evidence,
            "rollout": args.service.rollout,
            "seconds": args.seconds,
            "used": None,
            "previous": None,
        }
        super().__init__(_CheckProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class RolloutCheckArgs:
    """`release` is what users should get, `health` the path that reports it, `seconds` how long they may wait for it.

    `rollback` is the command that goes back to the release before. `ask` is whether the public address is asked;
    otherwise the platform's own word is taken.
    """

    service: ServiceHandle
    release: ReleaseHandle
    health: str
    seconds: int
    rollback: str
    ask: bool = True


class RolloutCheck(pulumi.ComponentResource):
    """The proof that users get the release. `url` is known only once they do; `evidence` says how it was proved.

    `previous` is where the release lies that users got before this one; empty after the first.
    """

    url: pulumi.Output[str]
    evidence: pulumi.Output[str]
    previous: pulumi.Output[str]

    def __init__(self, name: str, args: RolloutCheckArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:release:RolloutCheck", name, None, opts)
        check = _Check(f"{name}-check", args=args, opts=pulumi.ResourceOptions(parent=self))
        self.url, self.evidence, self.previous = check.url, check.used, check.previous
        self.register_outputs({"url": check.url, "evidence": check.used})
