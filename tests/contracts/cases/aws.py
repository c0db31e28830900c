"""The components of AWS with arguments to build them from."""

from tests.contracts.cases import aws_a, aws_b1, aws_b2, aws_c
from tests.contracts.cases.shared import Cases

CASES: Cases = {**aws_a.CASES, **aws_b1.CASES, **aws_b2.CASES, **aws_c.CASES}
