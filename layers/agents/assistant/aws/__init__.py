"""DynamoDB and S3 without blocking the event loop: clients, keys, the table, the bucket, tracing, Lambda limits."""
