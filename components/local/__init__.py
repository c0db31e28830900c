"""One machine: gunicorn, the worker and PostgreSQL under supervisord, everything on loopback."""
