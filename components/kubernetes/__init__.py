"""Kubernetes anywhere: one Deployment with two containers, CloudNativePG or an external database."""
