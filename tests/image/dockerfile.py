"""The Dockerfile as instructions: continued lines joined, comments left out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction: its keyword and the rest of it, in one line."""

    keyword: str
    rest: str

    def exec_form(self) -> list[str] | None:
        """The words of a command in exec form; None for the form that needs a shell."""
        text = self.rest
        if self.keyword == "HEALTHCHECK":
            if text == "NONE":
                return []
            text = text.partition("CMD ")[2]
        try:
            words: object = json.loads(text)
        except ValueError:
            return None
        return cast("list[str]", words) if isinstance(words, list) else None


def instructions(text: str) -> list[Instruction]:
    """Every instruction, in order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found: list[Instruction] = []
    for line in joined.splitlines():
        if line.strip():
            keyword, _, rest = line.strip().partition(" ")
            found.append(Instruction(keyword=keyword.upper(), rest=" ".join(rest.split())))
    return found


def last_stage(text: str) -> list[Instruction]:
    """The instructions of the image itself."""
    found = instructions(text)
    start = max(number for number, instruction in enumerate(found) if instruction.keyword == "FROM")
    return found[start:]


def from_context(text: str) -> set[str]:
    """What the Dockerfile takes of the context: sources of COPY and of bind mounts."""
    taken: set[str] = set()
    for instruction in instructions(text):
        if instruction.keyword in ("COPY", "ADD") and "--from=" not in instruction.rest:
            taken.update(word for word in instruction.rest.split()[:-1] if not word.startswith("--"))
        elif instruction.keyword == "RUN":
            mounts = re.findall(r"--mount=(\S+)", instruction.rest)
            for mount in mounts:
                options = dict(part.partition("=")[::2] for part in mount.split(","))
                if options.get("type") == "bind" and "from" not in options:
                    taken.add(options["source"])
    return taken
