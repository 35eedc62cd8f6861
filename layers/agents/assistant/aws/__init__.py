"""DynamoDB and S3 without blocking the event loop: clients, keys, the table, the bucket, tracing, Lambda limits."""

from assistant.aws.objects import Head, Objects
from assistant.aws.sizes import MAX_ANSWER_BYTES, answer_size, fits
from assistant.aws.table import MAX_ROUNDS, MAX_TRANSACTION_ROWS, ConditionFailedError, Row, Table, Write, pause
from assistant.aws.tracing import segment

__all__ = [
    "MAX_ANSWER_BYTES",
    "MAX_ROUNDS",
    "MAX_TRANSACTION_ROWS",
    "ConditionFailedError",
    "Head",
    "Objects",
    "Row",
    "Table",
    "Write",
    "answer_size",
    "fits",
    "pause",
    "segment",
]
