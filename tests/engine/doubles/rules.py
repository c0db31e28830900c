"""How each kind of resource of a double behaves, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from tests.engine.doubles.wire import Json

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the real provider does with one type, as far as it is known.

    Templates may name `${name}` (logical), `${id}`, `${urn}`, `${inputs.path}`, and what is new for each object:
    `${digest}` (64 hexadecimal digits), `${short}` (its first 17), `${number}`, and, for inputs with a `length`,
    `${word}` (as many letters and digits). `${contents}` is a fingerprint of what `reads` names.
    `${inputs.path|name}` is what stands behind the last slash there.
    """

    # Inputs without which the real provider refuses.
    required: tuple[str, ...] = ()
    # All inputs that exist; None accepts any. Catches misspelled keys.
    allowed: tuple[str, ...] | None = None
    # Inputs that the provider sets itself where the program does not.
    defaults: Mapping[str, Json] = field(default_factory=dict[str, Json])
    # Paths (`subnetIds`, `settings.tier`) whose change replaces the object.
    immutable: tuple[str, ...] = ()
    # Inputs whose old value stays when the program gives none any more.
    kept: tuple[str, ...] = ()
    # What the provider computes, by path (`arn`, `metadata.uid`): unknown until the object exists, then kept.
    outputs: Mapping[str, Json] = field(default_factory=dict[str, Json])
    # What the provider computes from the inputs anew at each update: unknown while they would change.
    follows: Mapping[str, Json] = field(default_factory=dict[str, Json])
    # Properties that the provider itself declares secret, computed or given.
    secret: tuple[str, ...] = ()
    # The input (a path, like `metadata.name`) that gets a name with a random end when the program gives none.
    autoname: str | None = None
    # The input by which the cloud tells objects of this type apart; two at once are refused.
    unique: str | None = None
    # The input that names a folder whose files count as inputs, where the provider runs; `contents` in its state.
    reads: str | None = None
    # The input whose values are taken for good: nothing is made or changed with one that anything ever had.
    taken_for_good: str | None = None
    # While this input is true, the cloud refuses to delete the object.
    guarded_by: str | None = None
    # While this path of the object's own state holds something, the next update makes the object anew.
    replaced_when: str | None = None
    delete_before_replace: bool = False
    # The error with which the cloud answers; None when it does as told.
    fails_to_create: str | None = None
    fails_to_update: str | None = None
    fails_to_delete: str | None = None
    id: str = "${name}-${digest}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """One provider: the rule of each resource type and the answer of each function (a template over `${args.x}`)."""

    resources: Mapping[str, Rule] = field(default_factory=dict[str, Rule])
    functions: Mapping[str, Mapping[str, Json]] = field(default_factory=dict[str, Mapping[str, Json]])

    def write(self, path: Path) -> None:
        """Write the table where a provider's process will read it."""
        path.write_bytes(TypeAdapter(Table).dump_json(self))

    @staticmethod
    def read(path: Path) -> Table:
        """Read a written table."""
        return TypeAdapter(Table).validate_json(path.read_bytes())
