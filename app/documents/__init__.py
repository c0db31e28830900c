"""Uploaded files, their batches and what is known about them."""
