"""Conditions on chunks."""

from __future__ import annotations

from sqlalchemy import ColumnElement, cast
from sqlalchemy.dialects.postgresql import TSQUERY

from app.db.tables import Chunk


def matches(query: str) -> ColumnElement[bool]:
    """Whether a chunk's vector matches a `tsquery` that is already in PostgreSQL's form."""
    return Chunk.tsv.bool_op("@@")(cast(query, TSQUERY))
