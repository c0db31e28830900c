"""What every test of this folder may use."""

from tests.unit.kubernetes.scripted_api import api

__all__ = ["api"]
