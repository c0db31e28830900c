"""What most tests of this folder look at: the least that a stack can be, and everything at once."""

import pytest

from tests.contracts.kubernetes.stack import EVERYTHING, recorded
from tests.contracts.recorder import Recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recorded()


@pytest.fixture(scope="module")
def everything() -> Recording:
    return recorded(**EVERYTHING)
