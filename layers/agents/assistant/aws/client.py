"""Time-outs, retries and errors that the clients of the table and of the bucket share."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from assistant.budgets import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS
from assistant.collection import without_collection
from assistant.errors import StoreUnavailableError

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

T = TypeVar("T")

# A session is not safe in several threads. Its clients are.
_making = threading.Lock()

# A client waits in a thread for each call, on a connection of its own. More concurrent calls than this are queued. With
# twice as many, 150 turns at once are not faster: their CPU is the bound (`benchmarks/busy.py`).
MAX_CONCURRENT_CALLS = 32
# Our own attempts have taken longer than this, so an outage that is not over may be over a moment later.
RETRY_AFTER_SECONDS = 1
# What botocore says of a service that the layer does not have.
_UNDECLARED = (
    "The layer does not have the AWS service {service_name!r}. Name it in aws_services of your package's"
    " pyproject.toml. It has: {known_service_names}"
)


def make_client(service: str, **options: Any) -> Any:
    """Return a client with the configuration for Lambda.

    Botocore makes it. Boto3 would add objects and file transfers to the same client, which nothing here uses.

    Args:
        service: The service's name.
        options: More options of the configuration.
    """
    with _making, without_collection():
        from botocore.config import Config

        return _session().create_client(service, config=lambda_config().merge(Config(**options)))


@functools.cache
def _session() -> Session:
    """Return the session of our clients. It keeps the descriptions of the services and the credentials."""
    from botocore.session import get_session

    return get_session()


def lambda_config() -> Config:
    """Return the client configuration for Lambda: time-outs of seconds, not minutes."""
    from botocore.config import Config
    from botocore.exceptions import UnknownServiceError

    # The first client of a process is one of ours, so this holds for the clients of tools too.
    UnknownServiceError.fmt = _UNDECLARED
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=MAX_CONCURRENT_CALLS,
        tcp_keepalive=True,
    )


def unavailable() -> StoreUnavailableError:
    """Return the error for a failure of DynamoDB or S3. Raise it from its cause, which the log then names."""
    return StoreUnavailableError(retry_after=RETRY_AFTER_SECONDS)


async def run_within(seconds: float, threads: ThreadPoolExecutor, operation: Callable[[], T]) -> T:
    """Run a blocking call in a thread of the pool, and stop waiting for it after its budget.

    The thread ends by itself, at the latest after its own attempts. A write may still be applied by then, as after any
    lost answer.

    Raises:
        StoreUnavailableError: the call has not ended within its budget.
    """
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(threads, operation)
    except TimeoutError:
        raise unavailable() from None
