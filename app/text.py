"""What ingestion writes into a document's text and retrieval reads out of it."""

PAGE_BREAK = "\f"
"""Stands between the pages of an extracted text, and nowhere else in it: a sentence's page is counted by it."""
