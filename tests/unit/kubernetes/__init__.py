"""What our own resources for Kubernetes ask and understand, one by one."""
