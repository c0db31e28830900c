"""gunicorn's own messages, in the format of everything else."""

from gunicorn.config import Config
from gunicorn.glogging import Logger

from app.observability.logs import make_handler


class JsonLogger(Logger):
    """Replaces gunicorn's handlers by the service's, redaction included."""

    def setup(self, cfg: Config) -> None:
        """Called at the start and at each reload."""
        super().setup(cfg)
        self.error_log.handlers = [make_handler()]
