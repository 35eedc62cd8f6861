"""The S3 bucket: asynchronous calls with the same time-outs, retries and errors as those of the table."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from assistant.aws.client import make_client, run_within, unavailable
from assistant.aws.failures import S3, Failure, store_error
from assistant.aws.tracing import segment
from assistant.budgets import OBJECT_CALL_SECONDS
from assistant.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Fewer than for the table: each call may hold a whole file in memory.
MAX_CONCURRENT_CALLS = 16
# S3's own limit on one DeleteObjects call.
MAX_DELETE_KEYS = 1000


@dataclass(frozen=True)
class Head:
    """The beginning of an object.

    Attributes:
        size: The number of bytes of the whole object.
        first_bytes: The first bytes, as many as requested.
    """

    size: int
    first_bytes: bytes


class Objects:
    """The bucket's operations.

    Raises (each method):
        StoreUnavailableError: S3 cannot be reached in time, throttles us after all attempts, or denies access.
        StoreRefusedError: S3 rejects the request as invalid.
    """

    def __init__(self, settings: Settings, client: S3Client | None = None) -> None:
        self.bucket = settings.bucket_name
        self._client = client
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(MAX_CONCURRENT_CALLS, thread_name_prefix="s3")

    @property
    def client(self) -> S3Client:
        """The client. It is made on first use, so no SnapStart snapshot contains one."""
        with self._lock:
            if self._client is None:
                # With path style and SigV4 a presigned URL works in every region and on emulators.
                self._client = make_client("s3", signature_version="s3v4", s3={"addressing_style": "path"})
            return self._client

    async def _call(self, name: str, operation: Callable[[], T]) -> T:
        """Run an operation in a thread of the pool. `name` is S3's name of the operation."""
        with segment("S3", "aws", (KeyError,), operation=name):
            return await self._run(name, operation)

    async def _run(self, name: str, operation: Callable[[], T]) -> T:
        # Making the client imports botocore, which does not count as the call.
        if self._client is None:
            await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self.client)
        try:
            return await run_within(OBJECT_CALL_SECONDS, self._threads, operation)
        except Exception as error:
            from botocore.exceptions import ClientError

            if isinstance(error, ClientError) and S3.get(error.response["Error"]["Code"]) is Failure.MISSING:
                raise KeyError from None
            known = store_error("S3", name, error, S3)
            if known is None:
                raise
            raise known from error

    async def put(self, key: str, body: bytes | BinaryIO, content_type: str = "application/octet-stream") -> None:
        """Write an object. A file as `body` is read from its current position and must be seekable."""
        await self._call(
            "PutObject",
            lambda: self.client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type),
        )

    async def get(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            KeyError: the object does not exist.
        """

        def call() -> bytes:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

        return await self._call("GetObject", call)

    async def peek(self, key: str, count: int) -> Head | None:
        """Return an object's size and its first `count` bytes, or None if the object does not exist."""

        def call() -> Head:
            from botocore.exceptions import ClientError

            try:
                found = self.client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=0-{count - 1}")
            except ClientError as error:
                # S3 refuses any range of an empty object.
                if error.response.get("Error", {}).get("Code") == "InvalidRange":
                    return Head(0, b"")
                raise
            size = int(found["ContentRange"].rpartition("/")[2])
            return Head(size, found["Body"].read())

        try:
            return await self._call("GetObject", call)
        except KeyError:
            return None

    async def tag(self, key: str, name: str) -> str | None:
        """Return the value of an object's tag, or None if the object has no such tag.

        Raises:
            KeyError: the object does not exist.
        """
        answer = await self._call(
            "GetObjectTagging", lambda: self.client.get_object_tagging(Bucket=self.bucket, Key=key)
        )
        return next((each["Value"] for each in answer["TagSet"] if each["Key"] == name), None)

    async def copy(self, source: str, key: str) -> None:
        """Copy an object within the bucket, without its tags: a copy is scanned for malware by itself.

        Raises:
            KeyError: the source does not exist.
        """
        await self._call(
            "CopyObject",
            lambda: self.client.copy_object(
                Bucket=self.bucket,
                Key=key,
                CopySource={"Bucket": self.bucket, "Key": source},
                TaggingDirective="REPLACE",
                Tagging="",
            ),
        )

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Remove objects. Objects that do not exist are no error."""
        for start in range(0, len(keys), MAX_DELETE_KEYS):
            chunk = [{"Key": key} for key in keys[start : start + MAX_DELETE_KEYS]]
            request: Any = {"Objects": chunk, "Quiet": True}
            answer = await self._call("DeleteObjects", partial(self._delete, request))
            failed = answer.get("Errors", [])
            if failed:
                # The keys contain ids of tenants and users, which do not belong in a log.
                reasons = sorted({each.get("Code", "unknown") for each in failed})
                logger.warning("%d objects could not be removed: %s", len(failed), ", ".join(reasons))
                raise unavailable()

    def _delete(self, request: Any) -> Mapping[str, Any]:
        return self.client.delete_objects(Bucket=self.bucket, Delete=request)

    async def first_keys(self, prefix: str, *, after: str = "", most: int = MAX_DELETE_KEYS) -> list[str]:
        """Return the first object keys under a prefix, by default as many as one call can remove.

        Args:
            prefix: The prefix.
            after: The key before the first to return.
            most: The greatest number of keys.
        """
        answer = await self._call(
            "ListObjectsV2",
            lambda: self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=most, StartAfter=after),
        )
        return [entry["Key"] for entry in answer.get("Contents", [])]

    async def delete_prefix(self, prefix: str) -> int:
        """Remove all objects under a prefix and return their number."""
        removed = 0
        while keys := await self.first_keys(prefix):
            await self.delete_many(keys)
            removed += len(keys)
        return removed

    async def presign(self, operation: str, key: str, seconds: int, **parameters: Any) -> str:
        """Return a URL that allows one operation on one object for a limited time.

        Args:
            operation: boto3's name of the operation: `get_object` or `put_object`.
            key: The object's key.
            seconds: How long the URL is valid.
            parameters: Further signed parameters, by boto3's names.
        """
        request: Mapping[str, Any] = {"Bucket": self.bucket, "Key": key, **parameters}
        # Signing sends no request, so there is no call to trace.
        return await self._run(
            operation,
            lambda: self.client.generate_presigned_url(operation, Params=dict(request), ExpiresIn=seconds),
        )
