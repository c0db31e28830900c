"""What every settings model shares: unknown keys are errors, a truth value is no number, and profiles fill the gaps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

PROJECT = Path(__file__).resolve().parents[2]
Profile = Literal["dev", "prod"]
Seconds = Annotated[int, Field(ge=1, le=3600)]


class Model(BaseModel):
    """Unknown keys are errors: a misspelled key that is ignored is a setting that silently does nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """To Python `true` is 1, so a switch where a number belongs would be taken for the number one."""
        if isinstance(value, bool) and _takes_numbers(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError(f"{str(value).lower()} is no whole number, so nothing was deployed; write the number")
        return value


def _takes_numbers(annotation: object) -> bool:
    """Whether a field is a whole number, or one that may be left out."""
    return annotation is int or (int in get_args(annotation) and bool not in get_args(annotation))


def secrets_in(model: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places below `model` that hold a secret which is set."""
    for name in type(model).model_fields:
        value: object = getattr(model, name)
        if isinstance(value, SecretStr):
            yield (*path, name)
        elif isinstance(value, BaseModel):
            yield from secrets_in(value, (*path, name))
