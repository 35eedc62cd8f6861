"""What is tried next when a call to a model has failed: the same provider again, the next one, or nothing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from assistant.errors import ModelTimeoutError
from assistant.models.breaker import breaker_of
from assistant.models.clients import forget_client
from assistant.models.failures import EmptyAnswerError, Failure, failure_of
from assistant.models.link import Link
from assistant.models.time_limit import seconds_left

logger = logging.getLogger(__name__)

ATTEMPTS_PER_PROVIDER = 3
ATTEMPTS_IF_EMPTY = 2
# The n-th pause is drawn from 0 to BASE * 2^n ("full jitter"), so that callers who failed together do not
# return together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
BACKOFF_BASE_SECONDS = 0.4
BACKOFF_LONGEST_SECONDS = 5.0
# A provider that asks for a longer pause than this is not waited for when there is another one.
PATIENCE_WITH_FALLBACK_SECONDS = 2.0
# An attempt that cannot get this much time is not begun.
SHORTEST_ATTEMPT_SECONDS = 2.0
# Where the turn sets no deadline, retries end after this; a browser's user has gone by then.
RETRY_SECONDS_WITHOUT_DEADLINE = 60.0
# How long a provider may take until it shows something: a reasoning model can be silent for minutes. Less where half
# of the turn's time is less: the other half is for the next attempt.
LONGEST_SILENCE_SECONDS = 180.0

# Read by `RunResultStreaming.stream_events` (openai-agents 0.24): without it an error overtakes the deltas
# that are still in the Runner's queue, and they are lost.
_DRAIN_MARK = "_agents_drain_queued_stream_events"


class StreamEndedError(Exception):
    """A stream ended with an event that says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Attempts:
    """Decides, after each failure of one call, what is tried next and after which pause.

    Args:
        links: At least one, in the order in which they are to be tried.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        allowed = [link for link in links if breaker_of(link.provider).allows()]
        # A provider that has been failing is a last resort, and gets one attempt; better than none at all.
        self._queue = [(link, ATTEMPTS_PER_PROVIDER) for link in allowed]
        self._queue += [(link, 1) for link in links if link not in allowed]
        breaker_of(self.link.provider).begins()
        self._tried = 0
        self._first: Failure | None = None
        self._give_up_at = asyncio.get_running_loop().time() + RETRY_SECONDS_WITHOUT_DEADLINE

    @property
    def link(self) -> Link:
        """The provider to call now."""
        return self._queue[0][0]

    def _time_left(self) -> float:
        left = seconds_left()
        own = max(0.0, self._give_up_at - asyncio.get_running_loop().time())
        return own if left is None else left

    def _is_last_chance(self) -> bool:
        return len(self._queue) == 1 and self._tried + 1 >= self._queue[0][1]

    def budget(self) -> float:
        """Seconds that this attempt gets until it shows something, or to its end if it is not streamed."""
        left = seconds_left()
        if left is None:
            return LONGEST_SILENCE_SECONDS
        return min(LONGEST_SILENCE_SECONDS, left if self._is_last_chance() else left / 2)

    async def failed(self, error: Exception, *, final: bool = False) -> None:
        """Note a failed attempt and wait for the next one.

        Args:
            error: What the attempt raised.
            final: Something was shown already, so there is no next attempt.

        Raises:
            AssistantError: there is nothing left to try.
            Exception: the error itself, when it is not the provider's doing.
        """
        link, allowed = self._queue[0]
        failure = error.failure if isinstance(error, StreamEndedError) else failure_of(error, link)
        if failure is None:
            raise error
        self._tried += 1
        logger.warning(
            "model call failed",
            extra={
                "provider": link.provider,
                "model": link.model_name,
                "error_code": failure.error.code,
                "attempt": self._tried,
                "shown": final,
                "detail": failure.detail,
            },
        )
        if failure.error.code == "model_credentials":
            forget_client(link.provider)
        # The first provider's failure is the one to tell of: it is what the operator has to mend.
        self._first = self._first or failure
        if final:
            if failure.providers_fault:
                breaker_of(link.provider).failed()
            setattr(failure.error, _DRAIN_MARK, True)
            raise failure.error from None
        pause = self._pause(failure)
        # A model that answers nothing twice will hardly answer the third time.
        allowed = min(allowed, ATTEMPTS_IF_EMPTY) if isinstance(error, EmptyAnswerError) else allowed
        if failure.again and self._tried < allowed and self._may_wait(failure, pause):
            await asyncio.sleep(pause)
            return
        if failure.providers_fault:
            breaker_of(link.provider).failed()
        if failure.elsewhere and len(self._queue) > 1 and self._time_left() >= SHORTEST_ATTEMPT_SECONDS:
            self._queue.pop(0)
            self._tried = 0
            breaker_of(self.link.provider).begins()
            return
        raise self._first.error from None

    def _pause(self, failure: Failure) -> float:
        asked = failure.error.retry_after
        longest = min(BACKOFF_LONGEST_SECONDS, BACKOFF_BASE_SECONDS * 2**self._tried)
        drawn = random.uniform(0, longest)  # noqa: S311 - jitter, not a secret
        return drawn if asked is None else asked + drawn

    def _may_wait(self, failure: Failure, pause: float) -> bool:
        """Tell whether the same provider is tried again; with another at hand there is less patience."""
        has_other = len(self._queue) > 1
        if has_other and (pause > PATIENCE_WITH_FALLBACK_SECONDS or isinstance(failure.error, ModelTimeoutError)):
            return False
        return pause + SHORTEST_ATTEMPT_SECONDS <= self._time_left()
