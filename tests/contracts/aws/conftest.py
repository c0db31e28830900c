"""What most tests of this folder look at: the cheap stack, and production with everything."""

import pytest

from tests.aws_settings import parse_aws, parse_production
from tests.contracts.aws.recording import EVERYTHING, recorded
from tests.contracts.recorder import Recording


@pytest.fixture(scope="module")
def dev() -> Recording:
    return recorded(parse_aws())


@pytest.fixture(scope="module")
def production() -> Recording:
    return recorded(parse_production(**EVERYTHING))
