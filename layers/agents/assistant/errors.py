"""The error hierarchy, with its HTTP status codes and its messages for the user.

Before a stream starts, the client gets `status`, `code` and `message` as JSON. After that, the client gets ChatKit's
`error` event, whose `allow_retry` is `retryable`. A message never contains a provider's answer, a key or user text.
"""

from __future__ import annotations

from typing import ClassVar


class AssistantError(Exception):
    """The base of all errors that a caller may see.

    Attributes:
        status: The HTTP status, used if no stream has started.
        code: A stable, machine-readable name.
        retryable: Whether the same request may succeed later.
        retry_after: Seconds to wait before a retry, if known.
        fix: For the operator's log only: the setting to change. It may name variables.
        files_in_doubt: Without its files, the same request to a model may succeed.
        has_effect: The request may have had an effect at the model's provider, so it must not be sent again.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = True
    default_message: ClassVar[str] = "Something went wrong. Please try again."

    def __init__(self, message: str | None = None, *, retry_after: float | None = None, fix: str | None = None) -> None:
        self.message = message or self.default_message
        self.retry_after = retry_after
        self.fix = fix
        self.files_in_doubt = False
        self.has_effect = False
        super().__init__(self.message)


class ConfigurationError(AssistantError):
    """A setting is wrong.

    The text of the exception is for the operator and names the setting. A user gets only the default message.
    """

    code = "configuration_error"
    retryable = False
    default_message = "This assistant is not set up correctly. Please contact its administrator."

    def __init__(self, fix: str | None = None) -> None:
        super().__init__(fix=fix)
        if fix is not None:
            self.args = (fix,)


class ImportFailedError(ConfigurationError):
    """A module of the agents' package, or one that it imports, is missing, is not valid Python, or fails to load."""

    code = "import_failed"

    @classmethod
    def of(cls, what: str, error: BaseException, advice: str = "") -> ImportFailedError:
        """Return the error of what cannot be loaded, without the message of its cause, which may have texts.

        Args:
            what: What cannot be loaded, for the operator.
            error: The cause.
            advice: What to do, as a sentence.
        """
        missing = f": No module named '{error.name}'" if isinstance(error, ModuleNotFoundError) else ""
        return cls(f"{what} cannot be loaded: {type(error).__name__}{missing}. {advice}".rstrip())


class InvalidRequestError(AssistantError):
    """The request is malformed, or a value in it is out of range."""

    status = 400
    code = "invalid_request"
    retryable = False
    default_message = "The request is not valid."


class UnauthorizedError(AssistantError):
    """The request has no token, or its token is not valid."""

    status = 401
    code = "unauthorized"
    retryable = False
    default_message = "You are not signed in. Please sign in and try again."


class ForbiddenError(AssistantError):
    """The caller is known but may not do this."""

    status = 403
    code = "forbidden"
    retryable = False
    default_message = "You are not allowed to do this."


class NotFoundError(AssistantError):
    """The resource does not exist or belongs to somebody else. The answer is the same for both."""

    status = 404
    code = "not_found"
    retryable = False
    default_message = "Not found."


class ConflictError(AssistantError):
    """The current state of the resource does not allow this."""

    status = 409
    code = "conflict"
    retryable = True
    default_message = "Something else is changing this at the moment. Please try again."


class ThreadLockedError(ConflictError):
    """The thread is locked or closed and accepts no messages."""

    code = "thread_locked"
    retryable = False
    default_message = "This conversation is closed. Please start a new one."


class PersonAnswersError(ConflictError):
    """A person answers in the thread, so no agent runs. Only messages are taken."""

    code = "person_answers"
    retryable = False
    default_message = "A person is answering here. Please send a message instead."


class TurnRunningError(ConflictError):
    """Another turn is running in this thread, and `ON_BUSY` is `reject`."""

    code = "turn_running"
    default_message = "The previous answer is still being written. Please wait until it is complete, or stop it."


class MemoryFullError(ConflictError):
    """The user has the most facts that the memory holds."""

    code = "memory_full"
    retryable = False
    default_message = "The memory is full. Please remove a fact first."


class MemoryOffError(ConflictError):
    """The user has switched the memory off."""

    code = "memory_off"
    retryable = False
    default_message = "The memory is switched off."


class AttachmentInUseError(ConflictError):
    """The attachment belongs to another thread."""

    code = "attachment_in_use"
    retryable = False
    default_message = "This file belongs to another conversation. Please upload it again here."


class UploadMissingError(ConflictError):
    """The attachment is registered, but its bytes have not arrived."""

    code = "upload_missing"
    default_message = "A file has not finished uploading. Please wait a moment and try again."


class FileUncheckedError(ConflictError):
    """The malware scan of a file has no result yet."""

    code = "file_unchecked"
    default_message = "A file is still being checked. Please send your message again in a moment."


class FileRefusedError(AssistantError):
    """The malware scan found a threat in a file, or could not scan the file."""

    status = 415
    code = "file_refused"
    retryable = False
    default_message = "A file did not pass the security check. Please remove it."


class TooLargeError(AssistantError):
    """The body, a file or an item exceeds its limit."""

    status = 413
    code = "too_large"
    retryable = False
    default_message = "This is too large. Please send less."


class MessageTooLongError(TooLargeError):
    """A message has more characters than `MAX_MESSAGE_CHARS` and `HISTORY_MAX_TOKENS` allow."""

    code = "message_too_long"
    default_message = "The message is too long. Please send less."


class TooManyFollowersError(AssistantError):
    """More requests follow this turn than `MAX_FOLLOWERS` allows, and this one is the oldest."""

    status = 429
    code = "too_many_followers"
    retryable = False
    default_message = "This answer is open in too many places. Reload the page to see it here."


class AnswerTooLargeError(TooLargeError):
    """The answer is larger than a function without streaming can send. What it describes is stored."""

    code = "answer_too_large"
    default_message = "This answer is too long to show here. It is saved in the conversation."


class UnsupportedTypeError(AssistantError):
    """The media type is not allowed."""

    status = 415
    code = "unsupported_type"
    retryable = False
    default_message = "This type of file is not allowed. Please send another type."


class QuotaExceededError(AssistantError):
    """The caller or the tenant has used up a quota."""

    status = 429
    code = "quota_exceeded"
    default_message = "The usage limit is reached. Please try again later."


class TooManyTurnsError(QuotaExceededError):
    """As many turns of the caller run as `MAX_CONCURRENT_TURNS` allows."""

    code = "too_many_turns"
    default_message = "Other answers are still being written. Please wait until one is complete, or stop one."


class TurnOverLimitError(QuotaExceededError):
    """A limit of the day is reached, so a running turn may make no further model call."""

    code = "turn_over_limit"
    retryable = False
    default_message = "Today's usage limit is reached, so this answer is incomplete."


class ModelsStoppedError(AssistantError):
    """The operator has stopped all paid calls."""

    status = 503
    code = "models_stopped"
    retryable = False
    default_message = "This assistant is switched off at the moment. Please contact its administrator."


class BeingErasedError(ConflictError):
    """The data of the user or of the tenant is being erased."""

    code = "being_erased"
    retryable = False
    default_message = "Your data is being deleted. You can start again when that is done, in about half an hour."


class LimitsChangedError(ConflictError):
    """The user's record of limits is not the one that this process knows. It knows it now: try again."""

    code = "limits_changed"


class UnsupportedFeatureError(AssistantError):
    """The configured provider or the agents' package lacks this feature."""

    status = 400
    code = "unsupported_feature"
    retryable = False
    default_message = "This assistant does not support that."


class StoreUnavailableError(AssistantError):
    """DynamoDB or S3 cannot be reached, throttles us after all retries, or denies access."""

    status = 503
    code = "store_unavailable"
    default_message = "Your conversations are not available at the moment. Please try again."


class IssuerUnavailableError(StoreUnavailableError):
    """The token issuer's keys cannot be fetched."""

    code = "issuer_unavailable"
    default_message = "Your sign-in cannot be checked at the moment. Please try again."


class StoreRefusedError(AssistantError):
    """DynamoDB or S3 rejects a request as invalid. A repetition cannot succeed: this is a defect of the project."""

    code = "store_refused"
    retryable = False
    default_message = "This could not be saved. Please try it in another way."


class ProcessBusyError(AssistantError):
    """This process runs as many turns as `MAX_TURNS_PER_PROCESS` allows."""

    status = 503
    code = "process_busy"
    default_message = "The assistant is answering many messages at the moment. Please try again in a few seconds."


class ModelError(AssistantError):
    """The model provider failed."""

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
    """The provider cannot be reached, or answers with a server error."""

    code = "model_unavailable"
    default_message = "The model is not available at the moment. Please try again."


class LengthLimitError(ModelError):
    """The answer reached the limit of output tokens. The text before the limit is kept."""

    code = "length_limit"
    default_message = "This answer is incomplete because it reached the length limit."


class ModelContentFilteredError(ModelError):
    """The provider's content filter refused the input or the answer."""

    code = "model_content_filtered"
    retryable = False
    default_message = "The model's content filter stopped this answer. Please rephrase your message."
    # Nothing was answered, so later requests must leave the newest message out.
    of_message = False


class AnswerWithheldError(ModelContentFilteredError):
    """An output guardrail refused the answer."""

    code = "answer_withheld"
    default_message = "This answer was withheld because it did not pass a check. Please rephrase your message."


class ModelCredentialsError(ModelError):
    """The provider refuses the API key, or the key cannot be read."""

    code = "model_credentials"
    retryable = False
    default_message = "This assistant cannot use its model. Please contact its administrator."


class ModelNotFoundError(ModelError):
    """The provider does not know the model, or has retired it."""

    code = "model_not_found"
    retryable = False
    default_message = "This model is not available. Please choose another, or contact the administrator."


class ModelQuotaError(ModelError):
    """The account at the provider has used up its budget."""

    code = "model_quota_exceeded"
    retryable = False
    default_message = "This assistant has used up its model budget. Please contact its administrator."


class ModelRefusedRequestError(ModelError):
    """The provider rejects the request: it is too long, or the model does not accept its content."""

    code = "model_refused_request"
    retryable = False
    default_message = "The model does not accept this message. Please shorten or change it."


class RequestTooLongError(ModelRefusedRequestError):
    """The request is longer than the model can read."""

    code = "request_too_long"
    default_message = "This conversation is longer than the model can read. Please start a new conversation."


class TurnDeadlineError(AssistantError):
    """The turn reached its deadline before the answer was complete."""

    status = 503
    code = "turn_deadline"
    default_message = "This answer is incomplete because time ran out. You can ask for the rest."


class TurnFailedError(AssistantError):
    """The turn ended with an `error` event that carries no exception."""

    status = 503
    code = "turn_failed"
    default_message = "This answer is incomplete because something went wrong. Please try again."
