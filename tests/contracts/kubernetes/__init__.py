"""The whole stack on Kubernetes against the strict recorder, part by part."""
