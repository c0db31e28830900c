"""Tests against a real Kubernetes API server and the real Pulumi provider, both built once from their Go modules."""
