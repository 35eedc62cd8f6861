"""The records of the sample agents in the project's DynamoDB table: tasks per user, all others per tenant.

Each class gets the tenant and the user from the verified token. So an id that a model writes cannot reach the records
of another tenant or user.
"""
