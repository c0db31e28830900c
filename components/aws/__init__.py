"""AWS: ECS Fargate behind an ALB, RDS, ECR, Secrets Manager, CloudWatch, and the trust in GitHub."""
