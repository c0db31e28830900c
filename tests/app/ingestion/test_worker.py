from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.ingestion.worker import is_passing

pytestmark = pytest.mark.unit


def wrapped(kind: type[DBAPIError], error: Exception) -> DBAPIError:
    return kind("statement", None, error)


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeoutError("no connection came free"),
        wrapped(InterfaceError, psycopg.InterfaceError("connection closed")),
        wrapped(OperationalError, psycopg.OperationalError("server closed the connection unexpectedly")),
        wrapped(OperationalError, errors.ConnectionTimeout("connection timeout expired")),
        wrapped(OperationalError, errors.AdminShutdown("terminating connection")),
        wrapped(OperationalError, errors.CannotConnectNow("the database system is starting up")),
        wrapped(OperationalError, errors.TooManyConnections("sorry, too many clients already")),
        wrapped(OperationalError, errors.DeadlockDetected("deadlock detected")),
        wrapped(OperationalError, errors.DiskFull("no space left on device")),
    ],
)
def test_errors_of_the_moment_are_waited_out(error: Exception) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a mistake of ours"),
        wrapped(ProgrammingError, errors.UndefinedTable("relation does not exist")),
        # The driver calls it operational, but the same statement will never succeed.
        wrapped(OperationalError, errors.ProgramLimitExceeded("string is too long for tsvector")),
        wrapped(DBAPIError, errors.UniqueViolation("duplicate key")),
    ],
)
def test_errors_that_would_come_again_are_not_repeated_for_ever(error: Exception) -> None:
    assert not is_passing(error)
