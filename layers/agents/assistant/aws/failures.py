"""Give an outcome to each error code that DynamoDB and S3 document for the calls that this project uses."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum

from assistant.aws.client import unavailable
from assistant.errors import AssistantError, StoreRefusedError

logger = logging.getLogger(__name__)


class Failure(Enum):
    """What becomes of an error code. `docs/store.md` has the same table."""

    CONDITION = "the caller's condition does not hold"
    CONFLICT = "repeated with jitter within the call's budget, then 503"
    THROTTLED = "repeated by botocore, then 503"
    UNAVAILABLE = "503 at once"
    REFUSED = "500, not retryable"
    MISSING = "the object does not exist"


_DENIED = (
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "UnrecognizedClientException",
)

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
DYNAMODB: Mapping[str, Failure] = {
    "ConditionalCheckFailedException": Failure.CONDITION,
    # Writes of one row that meet a transaction or, in a global table, a write of another region.
    "TransactionConflictException": Failure.CONFLICT,
    "ReplicatedWriteConflictException": Failure.CONFLICT,
    "TransactionInProgressException": Failure.THROTTLED,
    "ProvisionedThroughputExceededException": Failure.THROTTLED,
    "RequestLimitExceeded": Failure.THROTTLED,
    "ThrottlingException": Failure.THROTTLED,
    "InternalServerError": Failure.THROTTLED,
    "InternalFailure": Failure.THROTTLED,
    "ServiceUnavailable": Failure.THROTTLED,
    **dict.fromkeys(_DENIED, Failure.UNAVAILABLE),
    "ResourceNotFoundException": Failure.UNAVAILABLE,
    "InvalidEndpointException": Failure.UNAVAILABLE,
    # Each call has a token of its own, so only a repetition by botocore can get this. The local DynamoDB answers it if
    # another write has changed a row since the first attempt, which was applied.
    "IdempotentParameterMismatchException": Failure.UNAVAILABLE,
    "ValidationException": Failure.REFUSED,
    "ValidationError": Failure.REFUSED,
    "SerializationException": Failure.REFUSED,
    "ItemCollectionSizeLimitExceededException": Failure.REFUSED,
}

# The reasons of a TransactionCanceledException, one for each write.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
REASONS: Mapping[str, Failure] = {
    "ConditionalCheckFailed": Failure.CONDITION,
    "TransactionConflict": Failure.CONFLICT,
    "ProvisionedThroughputExceeded": Failure.CONFLICT,
    "ThrottlingError": Failure.CONFLICT,
    "ValidationError": Failure.REFUSED,
    "ItemCollectionSizeLimitExceeded": Failure.REFUSED,
}

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
S3: Mapping[str, Failure] = {
    "NoSuchKey": Failure.MISSING,
    "404": Failure.MISSING,
    "NotFound": Failure.MISSING,
    "SlowDown": Failure.THROTTLED,
    "InternalError": Failure.THROTTLED,
    "ServiceUnavailable": Failure.THROTTLED,
    "RequestTimeout": Failure.THROTTLED,
    "OperationAborted": Failure.UNAVAILABLE,
    "BadDigest": Failure.UNAVAILABLE,
    "IncompleteBody": Failure.UNAVAILABLE,
    "AccessDenied": Failure.UNAVAILABLE,
    "AllAccessDisabled": Failure.UNAVAILABLE,
    "ExpiredToken": Failure.UNAVAILABLE,
    "InvalidAccessKeyId": Failure.UNAVAILABLE,
    "InvalidObjectState": Failure.UNAVAILABLE,
    "InvalidToken": Failure.UNAVAILABLE,
    "NoSuchBucket": Failure.UNAVAILABLE,
    "PermanentRedirect": Failure.UNAVAILABLE,
    "RequestTimeTooSkewed": Failure.UNAVAILABLE,
    "SignatureDoesNotMatch": Failure.UNAVAILABLE,
    "EncryptionTypeMismatch": Failure.REFUSED,
    "EntityTooLarge": Failure.REFUSED,
    "InvalidArgument": Failure.REFUSED,
    "InvalidRange": Failure.REFUSED,
    "InvalidRequest": Failure.REFUSED,
    "InvalidWriteOffset": Failure.REFUSED,
    "KeyTooLongError": Failure.REFUSED,
    "MalformedXML": Failure.REFUSED,
    "MissingContentLength": Failure.REFUSED,
    "TooManyParts": Failure.REFUSED,
}


def refused(service: str, operation: str, code: str) -> StoreRefusedError:
    """Return the error for a request that AWS will never accept, and log it: it is a defect of this project."""
    logger.error("%s refuses %s: %s", service, operation, code)
    return StoreRefusedError()


def store_error(service: str, operation: str, error: Exception, codes: Mapping[str, Failure]) -> AssistantError | None:
    """Return this project's error for one of botocore's, or None for any other error.

    An unknown code counts as unavailable.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    if isinstance(error, ParamValidationError):
        return refused(service, operation, "ParamValidationError")
    if isinstance(error, BotoCoreError):
        return unavailable()
    if not isinstance(error, ClientError):
        return None
    code = error.response.get("Error", {}).get("Code", "")
    if codes.get(code) is Failure.REFUSED:
        return refused(service, operation, code)
    return unavailable()
