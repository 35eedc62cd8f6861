"""Threads and their items in DynamoDB: ChatKit's `Store`, and what it is made of."""
