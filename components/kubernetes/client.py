"""The API server, for our own dynamic resources: a client of one context, and errors for people.

Everything else speaks to the cluster through Pulumi's provider.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, cast

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from kubernetes.config import (
    ConfigException,
    new_client_from_config,  # pyright: ignore[reportUnknownVariableType]  # why: its parameters are untyped
)
from urllib3.exceptions import HTTPError

from components.contracts import DeploymentError
from components.kubernetes.handles import ClusterAccess
from components.kubernetes.kubeconfig import CONTEXT_KEY, PATH_KEY, expanded, require_context

TIMEOUT: Final = (5.0, 30.0)
"""Seconds to connect, and between two bytes of an answer."""
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY, SERVER_ERROR = 401, 403, 404, 429, 500


@contextmanager
def reached(access: ClusterAccess) -> Generator[ApiClient]:
    """A client of the context's API server, closed afterwards.

    Raises DeploymentError when the kubeconfig cannot be used, when the server does not answer, and when it refuses
    the user or the request.
    """
    file = expanded(access.kubeconfig)
    require_context(file, access.context)
    try:
        client = new_client_from_config(config_file=file, context=access.context, persist_config=False)
    except (ConfigException, OSError, ValueError) as error:
        raise DeploymentError(
            f"{PATH_KEY}: the context {access.context!r} of {access.kubeconfig} cannot be used ({_first_line(error)}), "
            "so the cluster cannot be reached; log in to it again, and try `kubectl --context "
            f"{access.context} version`"
        ) from None
    with client:
        try:
            yield client
        except HTTPError as error:
            raise DeploymentError(
                f"{CONTEXT_KEY}: the API server of the context {access.context!r} does not answer "
                f"({_first_line(error)}); nothing more was changed. Check the network or the VPN with "
                f"`kubectl --context {access.context} version`, then deploy again"
            ) from None
        except ApiException as error:
            raise DeploymentError(_refused(access, error)) from None


def status_of(error: ApiException) -> int:
    """The HTTP status of a refusal; 0 when there was none."""
    return cast("int | None", error.status) or 0  # pyright: ignore[reportUnknownMemberType]  # why: untyped


def may_pass(error: HTTPError | ApiException) -> bool:
    """Whether asking again may help: the server is away, overloaded or being upgraded, and has refused nothing."""
    return isinstance(error, HTTPError) or status_of(error) == TOO_MANY or status_of(error) >= SERVER_ERROR


def reason_of(error: ApiException) -> str:
    """The refusal in words that quote nothing of the request or of the answer."""
    reason = cast("str | None", error.reason)  # pyright: ignore[reportUnknownMemberType]  # why: untyped
    return f"{status_of(error)} {reason or 'refused'}"


def _refused(access: ClusterAccess, error: ApiException) -> str:
    if status_of(error) == UNAUTHORIZED:
        return (
            f"{CONTEXT_KEY}: the API server of the context {access.context!r} does not know the user of "
            f"{access.kubeconfig} (its login may be over); nothing more was changed. Log in again"
        )
    return (
        f"{CONTEXT_KEY}: the API server of the context {access.context!r} refused a request "
        f"({reason_of(error)}), so the deployment cannot go on; nothing more was changed. Ask whoever runs the cluster "
        "for the rights that docs/deployment.md lists"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
