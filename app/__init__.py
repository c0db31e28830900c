"""The RAG service: a FastAPI application over PostgreSQL."""

__version__ = "0.1.0"
