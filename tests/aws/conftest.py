"""What every test of this folder stands on."""

from tests.aws.moto_account import account, world
from tests.aws.told_ecs import hurried, made, told_fixture
from tests.loop import event_loop_of_its_own

__all__ = ["account", "event_loop_of_its_own", "hurried", "made", "told_fixture", "world"]
