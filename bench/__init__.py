"""Benchmarks that print what they measured and on which machine; none of them is a test."""
