"""DynamoDB, S3 and Lambda without blocking the event loop: keys, table, bucket, tracing, limits."""

from assistant.aws.functions import invoke_later
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
    "invoke_later",
    "pause",
    "segment",
]
