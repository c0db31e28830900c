"""The components of AWS with arguments to build them from."""

from tests.contracts.cases.shared import Cases

CASES: Cases = {}
