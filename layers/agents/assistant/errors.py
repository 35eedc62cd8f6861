"""The error hierarchy, and its one mapping to HTTP and to ChatKit's `error` event.

`status` and `code` go to the client before a stream has begun; `message` is written for the user and never
carries a provider's body, a key or anyone's text. Once a stream has begun the same error is an `error` event,
and `retryable` becomes its `allow_retry`.
"""

from __future__ import annotations

from typing import ClassVar


class AssistantError(Exception):
    """Base of all errors that a caller may see.

    Attributes:
        status: HTTP status while no stream has begun.
        code: A stable, machine-readable name.
        retryable: Whether the same request may succeed later.
        retry_after: Seconds after which it may, if that is known.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = True
    default_message: ClassVar[str] = "Something went wrong on our side. Please try again."

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        self.message = message or self.default_message
        self.retry_after = retry_after
        super().__init__(self.message)


class ConfigurationError(AssistantError):
    """The deployment is configured wrongly; raised at start-up, so that it never serves a request."""

    code = "configuration_error"
    retryable = False


class InvalidRequestError(AssistantError):
    """The request is malformed or its values are out of range."""

    status = 400
    code = "invalid_request"
    retryable = False
    default_message = "The request is not valid."


class UnauthorizedError(AssistantError):
    """No token, or one that does not verify."""

    status = 401
    code = "unauthorized"
    retryable = False
    default_message = "A valid token is needed."


class ForbiddenError(AssistantError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"
    retryable = False
    default_message = "You are not allowed to do this."


class NotFoundError(AssistantError):
    """There is no such thing, or it is someone else's: the two are not told apart."""

    status = 404
    code = "not_found"
    retryable = False
    default_message = "Not found."


class ConflictError(AssistantError):
    """The thing is in a state that does not allow this now."""

    status = 409
    code = "conflict"
    retryable = True
    default_message = "This conflicts with something that is under way. Please try again."


class ThreadLockedError(ConflictError):
    """The thread is locked or closed and takes no messages."""

    code = "thread_locked"
    retryable = False
    default_message = "This thread takes no more messages."


class TurnRunningError(ConflictError):
    """Another turn runs in this thread, and the deployment rejects a second one."""

    code = "turn_running"
    default_message = "An answer is still being written in this thread."


class AttachmentInUseError(ConflictError):
    """The attachment belongs to another thread."""

    code = "attachment_in_use"
    retryable = False
    default_message = "This file belongs to another conversation."


class UploadMissingError(ConflictError):
    """The attachment was registered, and its bytes have not arrived."""

    code = "upload_missing"
    default_message = "A file has not been uploaded yet."


class TooLargeError(AssistantError):
    """The body, a file or an item is over its limit."""

    status = 413
    code = "too_large"
    retryable = False
    default_message = "This is too large."


class AnswerTooLargeError(TooLargeError):
    """An answer is larger than a function that does not stream can send; what it tells of is kept."""

    code = "answer_too_large"
    default_message = "This answer is too large for this address. Nothing is lost: use the stream URL."


class UnsupportedTypeError(AssistantError):
    """A media type that is not allowed."""

    status = 415
    code = "unsupported_type"
    retryable = False
    default_message = "This type of file is not allowed."


class QuotaExceededError(AssistantError):
    """The caller or the tenant has used up a quota."""

    status = 429
    code = "quota_exceeded"
    default_message = "The limit is reached. Please try again later."


class UnsupportedFeatureError(AssistantError):
    """The configured provider or deployment lacks this feature."""

    status = 400
    code = "unsupported_feature"
    retryable = False
    default_message = "This deployment does not offer that."


class StoreUnavailableError(AssistantError):
    """DynamoDB or S3 is out of reach, throttled beyond our retries, or refuses us."""

    status = 503
    code = "store_unavailable"
    default_message = "The conversation store is out of reach. Please try again."


class ModelError(AssistantError):
    """Something failed at the model provider."""

    status = 503
    code = "model_error"
    default_message = "The model could not answer. Please try again."


class ModelRateLimitedError(ModelError):
    """The provider limits our requests or tokens."""

    code = "model_rate_limited"
    default_message = "The model is busy. Please try again in a moment."


class ModelTimeoutError(ModelError):
    """The provider did not answer in time."""

    code = "model_timeout"
    default_message = "The model took too long to answer. Please try again."


class ModelUnavailableError(ModelError):
    """The provider is out of reach or answers with a server error."""

    code = "model_unavailable"
    default_message = "The model is out of reach. Please try again."


class ModelContentFilteredError(ModelError):
    """The provider refused the input or the answer for its content."""

    code = "model_content_filtered"
    retryable = False
    default_message = "The model's content filter stopped this answer. Please rephrase your message."


class ModelCredentialsError(ModelError):
    """The provider refuses our key, or the key cannot be read."""

    code = "model_credentials"
    retryable = False
    default_message = "The model provider refuses this deployment's key."


class ModelNotFoundError(ModelError):
    """The provider does not know the model, or has retired it."""

    code = "model_not_found"
    retryable = False
    default_message = "The configured model does not exist."


class ModelQuotaError(ModelError):
    """The deployment's budget at the provider is used up."""

    code = "model_quota_exceeded"
    retryable = False
    default_message = "The budget of this deployment at its model provider is used up."


class ModelRefusedRequestError(ModelError):
    """The provider does not take this request: too long, or not what the model accepts."""

    code = "model_refused_request"
    retryable = False
    default_message = "The model does not accept this request."


class TurnDeadlineError(AssistantError):
    """The turn's time was up before the answer was complete."""

    status = 503
    code = "turn_deadline"
    default_message = "Time ran out before the answer was complete. What was said so far is kept."


class TurnFailedError(AssistantError):
    """The turn ended by an error that only its events tell of."""

    status = 503
    code = "turn_failed"
    default_message = "The answer could not be completed. What was said so far is kept."
