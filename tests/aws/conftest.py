"""What every test of this folder stands on."""

from tests.loop import event_loop_of_its_own

__all__ = ["event_loop_of_its_own"]
