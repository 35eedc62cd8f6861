"""Choose the next step after a failed model call: the same provider again, the next provider, or an error."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence

from assistant.errors import (
    AssistantError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedRequestError,
    ModelTimeoutError,
)
from assistant.failures import log_failure
from assistant.models.breaker import breaker_of
from assistant.models.call_log import log_failed_call
from assistant.models.clients import forget_client
from assistant.models.failures import Blame, EmptyAnswerError, Failure, failure_of
from assistant.models.link import Link
from assistant.models.time_limit import seconds_left

logger = logging.getLogger(__name__)

ATTEMPTS_PER_PROVIDER = 3
ATTEMPTS_IF_EMPTY = 2
# Draw the n-th pause from 0 to BASE * 2^n ("full jitter"), so that callers that failed together do not
# retry together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
BACKOFF_BASE_SECONDS = 0.4
BACKOFF_LONGEST_SECONDS = 5.0
# When a fallback exists, do not wait longer than this for the first provider.
PATIENCE_WITH_FALLBACK_SECONDS = 2.0
# Do not start an attempt with less time than this.
SHORTEST_ATTEMPT_SECONDS = 2.0
# Without a deadline, retries end after this: the user has left the page by then.
RETRY_SECONDS_WITHOUT_DEADLINE = 60.0
# Maximum time until a provider's first output: a reasoning model can be silent for minutes. An attempt gets at most
# half of the turn's remaining time, because the next attempt needs the other half.
LONGEST_SILENCE_SECONDS = 180.0

# `RunResultStreaming.stream_events` reads this attribute (openai-agents 0.24). Without it, an error is raised before
# the deltas that are still in the Runner's queue, and those deltas are lost.
_DRAIN_MARK = "_agents_drain_queued_stream_events"


class StreamEndedError(Exception):
    """A stream ended with an event that reports a failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Attempts:
    """Choose the next attempt and its pause after each failure of one call.

    Args:
        links: The providers in the order of their attempts, at least one.
        raise_refusals: Raise the error of a refused request instead of trying the next provider.
        once: Send the request again only if the provider has refused it, because the request has an effect.
        with_files: The request has files, which the provider may refuse.
    """

    def __init__(
        self, links: Sequence[Link], *, raise_refusals: bool = False, once: bool = False, with_files: bool = False
    ) -> None:
        self._raise_refusals = raise_refusals
        self._once = once
        self._with_files = with_files
        allowed = [link for link in links if breaker_of(link.provider).allows()]
        # A provider with an open circuit comes last and gets one attempt.
        self._queue = [(link, ATTEMPTS_PER_PROVIDER) for link in allowed]
        self._queue += [(link, 1) for link in links if link not in allowed]
        breaker_of(self.link.provider).begins()
        self._tried = 0
        self._first: Failure | None = None
        # The settings of the current attempt's request, for the log.
        self.request: Mapping[str, object] = {}
        self._give_up_at = asyncio.get_running_loop().time() + RETRY_SECONDS_WITHOUT_DEADLINE

    @property
    def link(self) -> Link:
        """The provider of the current attempt."""
        return self._queue[0][0]

    def _time_left(self) -> float:
        left = seconds_left()
        own = max(0.0, self._give_up_at - asyncio.get_running_loop().time())
        return own if left is None else left

    def _is_last_chance(self) -> bool:
        return len(self._queue) == 1 and self._tried + 1 >= self._queue[0][1]

    def budget(self) -> float:
        """Return the seconds until this attempt's first output, or until its end if it does not stream."""
        left = seconds_left()
        if left is None:
            return LONGEST_SILENCE_SECONDS
        return min(LONGEST_SILENCE_SECONDS, left if self._is_last_chance() else left / 2)

    async def failed(self, error: Exception, *, final: bool = False) -> None:
        """Note a failed attempt and wait for the next one.

        Args:
            error: The exception of the attempt.
            final: The client has seen output already, so no attempt follows.

        Raises:
            AssistantError: no attempt is left.
            Exception: the error itself, if the provider did not cause it.
        """
        link, allowed = self._queue[0]
        failure = error.failure if isinstance(error, StreamEndedError) else failure_of(error, link)
        if failure is None:
            if final or self._once or not self._has_time_for_next():
                raise error
            # The cause may be a bug in this link only, so the next provider may answer. The bug stays in the log.
            log_failure(logger, f"a call of the provider {link.provider} failed", error)
            failure = Failure(ModelError(), again=False, elsewhere=True, providers_fault=True, detail="unexpected")
        if self._with_files:
            failure = failure.with_files()
        self._tried += 1
        log_failed_call(link, failure, attempt=self._tried, shown=final, request=self.request)
        self.request = {}
        if failure.error.code == "model_credentials":
            forget_client(link.provider)
        # Report the first provider's failure: that is the provider the operator configured.
        self._first = self._first or failure
        if final:
            if failure.providers_fault:
                breaker_of(link.provider).failed()
            raise _drained(failure.error) from None
        refused = isinstance(failure.error, ModelRateLimitedError | ModelRefusedRequestError)
        # An error inside a stream can come after the effect.
        if self._once and (not refused or isinstance(error, StreamEndedError)):
            if failure.providers_fault:
                breaker_of(link.provider).failed()
            failure.error.has_effect = True
            raise _drained(failure.error) from None
        pause = self._pause(failure)
        # A model that gives two empty answers will hardly answer the third time.
        allowed = min(allowed, ATTEMPTS_IF_EMPTY) if isinstance(error, EmptyAnswerError) else allowed
        if failure.again and self._tried < allowed and self._may_wait(failure, pause):
            await asyncio.sleep(pause)
            return
        if failure.providers_fault:
            breaker_of(link.provider).failed()
        if self._raise_refusals and isinstance(failure.error, ModelRefusedRequestError):
            raise _drained(failure.error) from None
        if failure.elsewhere and self._has_time_for_next():
            self._queue.pop(0)
            self._tried = 0
            breaker_of(self.link.provider).begins()
            return
        first = self._first
        first.error.files_in_doubt = self._with_files and not self._once and first.files is Blame.MAYBE
        raise _drained(first.error) from None

    def _has_time_for_next(self) -> bool:
        return len(self._queue) > 1 and self._time_left() >= SHORTEST_ATTEMPT_SECONDS

    def _pause(self, failure: Failure) -> float:
        asked = failure.error.retry_after
        longest = min(BACKOFF_LONGEST_SECONDS, BACKOFF_BASE_SECONDS * 2**self._tried)
        drawn = random.uniform(0, longest)  # noqa: S311 - jitter, not a secret
        return drawn if asked is None else asked + drawn

    def _may_wait(self, failure: Failure, pause: float) -> bool:
        """Tell whether to wait for the same provider. With a fallback, wait for less."""
        has_other = len(self._queue) > 1
        if has_other and (pause > PATIENCE_WITH_FALLBACK_SECONDS or isinstance(failure.error, ModelTimeoutError)):
            return False
        return pause + SHORTEST_ATTEMPT_SECONDS <= self._time_left()


def _drained(error: AssistantError) -> AssistantError:
    """Return the error, to be raised after the events before it."""
    setattr(error, _DRAIN_MARK, True)
    return error
