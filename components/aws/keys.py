"""The choices of a key that protects a stack's secrets, beside the ARN of one that exists."""

AWS_KEY = "aws"
"""The key that AWS keeps for Secrets Manager in every account: free, and nothing to run."""
CREATE_KEY = "create"
"""A key of the stack's own, which can be audited, disabled and shared by itself."""
