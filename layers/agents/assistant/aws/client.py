"""Time-outs, retries and errors that the clients of the table and of the bucket share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.errors import StoreUnavailableError

if TYPE_CHECKING:
    from botocore.config import Config

# DynamoDB answers in milliseconds; a connection that does not is dead, and a new one is cheap.
CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 3
# With botocore's jittered backoff this ends within about five seconds, well inside a turn.
TOTAL_ATTEMPTS = 4
# boto3 waits in a thread for each call, on a connection of its own; more than this at once are queued.
MAX_CONCURRENT_CALLS = 32
# Our own retries have taken longer than this: what has not passed by then may have passed a moment later.
RETRY_AFTER_SECONDS = 1


def lambda_config() -> Config:
    """Return the client configuration that fits Lambda: seconds, not minutes."""
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": TOTAL_ATTEMPTS, "mode": "standard"},
        max_pool_connections=MAX_CONCURRENT_CALLS,
        tcp_keepalive=True,
    )


def unavailable() -> StoreUnavailableError:
    """Return our error for a failure of DynamoDB or S3; raised from its cause, which the log names."""
    return StoreUnavailableError(retry_after=RETRY_AFTER_SECONDS)
