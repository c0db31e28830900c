"""The HTTP surface: routers and what every request passes through."""
