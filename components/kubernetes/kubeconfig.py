"""Judges a kubeconfig before anything is asked of the cluster: is it there, and does it hold what the context needs?

Pulumi's provider only says that a cluster is unreachable, whatever is wrong with the file.
"""

import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from components.contracts import DeploymentError

PATH_KEY = "rag:kubernetes.kubeconfig"
CONTEXT_KEY = "rag:kubernetes.context"
NOTHING_DONE = "nothing was deployed"


def expanded(path: str) -> str:
    """The path with `~/` as this user's home, by the rule of Pulumi's provider: by the account and not by $HOME.

    The state keeps the path as it was written. Expanded it would be another one on each machine, and the provider
    refuses to go on where the file of the last deployment does not exist.
    """
    return str(Path(pwd.getpwuid(os.getuid()).pw_dir, path[2:])) if path.startswith("~/") else path


def require_context(path: str, context: str) -> None:
    """Raises DeploymentError, with the key and the remedy, unless the file holds the context and what it refers to.

    `path` is expanded already.

    No value of the file is ever part of the message, except for names.
    """
    document = _document(path)
    contexts = _named(document, "contexts", "context")
    if context not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise DeploymentError(
            f"{CONTEXT_KEY}: {path} has no context {context!r}, so nobody knows which cluster is meant; "
            f"{NOTHING_DONE}. The contexts that it has: {known}. Set {CONTEXT_KEY} to one of them, or "
            f"{PATH_KEY} to another file"
        )
    chosen = contexts[context]
    for section, key in (("clusters", "cluster"), ("users", "user")):
        name = chosen.get(key)
        if not isinstance(name, str) or name not in _named(document, section, key):
            raise DeploymentError(
                f"{CONTEXT_KEY}: the context {context!r} of {path} refers to the {key} {name!r}, which the file does "
                f"not hold, so the cluster cannot be reached; {NOTHING_DONE}. Fetch the kubeconfig again from whoever "
                "runs the cluster"
            )
    _require_login(path, _named(document, "users", "user")[str(chosen["user"])])


def _document(path: str) -> Mapping[str, object]:
    try:
        document = cast(object, yaml.safe_load(Path(path).read_text()))
    except FileNotFoundError:
        raise DeploymentError(
            f"{PATH_KEY}: {path} does not exist, so the cluster cannot be reached; {NOTHING_DONE}. Write the path of "
            "your kubeconfig, as `kubectl config view` reads it"
        ) from None
    except OSError as error:
        raise DeploymentError(
            f"{PATH_KEY}: {path} cannot be read ({error.strerror}), so the cluster cannot be reached; {NOTHING_DONE}. "
            "Correct its owner or mode, or name another file"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        # The parser's own message quotes the line, which may hold a token.
        raise DeploymentError(
            f"{PATH_KEY}: {path} is no YAML, so the cluster cannot be reached; {NOTHING_DONE}. Fetch the kubeconfig "
            "again from whoever runs the cluster"
        ) from None
    if not isinstance(document, dict) or cast(dict[str, object], document).get("kind") != "Config":
        raise DeploymentError(
            f"{PATH_KEY}: {path} is no kubeconfig (`kind: Config`), so the cluster cannot be reached; {NOTHING_DONE}. "
            "Name the file that kubectl uses"
        )
    return cast(dict[str, object], document)


def _named(document: Mapping[str, object], section: str, key: str) -> dict[str, Mapping[str, object]]:
    """The entries of a section by their names; what has no name or no content is left out."""
    entries = document.get(section)
    found: dict[str, Mapping[str, object]] = {}
    for entry in cast(list[object], entries) if isinstance(entries, list) else []:
        named = cast(dict[str, object], entry) if isinstance(entry, dict) else {}
        name, content = named.get("name"), named.get(key)
        if isinstance(name, str) and isinstance(content, dict):
            found[name] = cast(dict[str, object], content)
    return found


def _require_login(path: str, user: Mapping[str, object]) -> None:
    """A login program that is not installed is the usual reason why a cluster of a cloud cannot be reached."""
    plugin = user.get("exec")
    command = cast(dict[str, object], plugin).get("command") if isinstance(plugin, dict) else None
    if isinstance(command, str) and shutil.which(command, path=None) is None:
        raise DeploymentError(
            f"{PATH_KEY}: {path} logs in with the program {command!r}, which is not installed here, so the cluster "
            f"cannot be reached; {NOTHING_DONE}. Install it, or name a kubeconfig without it"
        )
