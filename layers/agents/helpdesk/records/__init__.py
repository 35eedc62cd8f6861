"""What the agents work on, in the project's DynamoDB table: tasks per user, everything else per tenant.

Each class takes the table and the ids of its owner, which come from the verified token; so no id that a model
wrote can reach another tenant's or user's records.
"""
