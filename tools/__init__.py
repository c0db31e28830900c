"""Tools of the repository: how a machine gets and runs the engine, and clients of the running service."""
