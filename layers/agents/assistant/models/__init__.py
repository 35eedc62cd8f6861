"""Models: the factory, one file for each provider, retries and fallback, and the repair of odd streams.

Importing this package is cheap. `build_model` and `warm_up` load the agents SDK and a provider's client. A read or a
health check calls neither.
"""

from typing import TYPE_CHECKING

from assistant.models.choices import check_choice, chosen_model
from assistant.models.container_files import MAX_CONTAINER_FILE_BYTES, container_file
from assistant.models.factory import build_model, chain_of, close_clients, reset_clients, warm_up
from assistant.models.file_parts import is_file_part
from assistant.models.hosted import (
    APPROVAL_REQUEST,
    APPROVAL_RESPONSE,
    HOSTED_CALLS,
    HOSTED_ITEMS,
    hosted_text,
    stored_hosted_item,
)
from assistant.models.meter import ATTACHMENT_TOKENS, CHARACTERS_PER_TOKEN, Meter, current_meter, input_tokens, metered
from assistant.models.surrogates import sendable_output
from assistant.models.time_limit import deadline, seconds_left

if TYPE_CHECKING:
    from assistant.models.chain import ModelChain as ModelChain

__all__ = [
    "APPROVAL_REQUEST",
    "APPROVAL_RESPONSE",
    "ATTACHMENT_TOKENS",
    "CHARACTERS_PER_TOKEN",
    "HOSTED_CALLS",
    "HOSTED_ITEMS",
    "MAX_CONTAINER_FILE_BYTES",
    "Meter",
    "build_model",
    "chain_of",
    "check_choice",
    "chosen_model",
    "close_clients",
    "container_file",
    "current_meter",
    "deadline",
    "hosted_text",
    "input_tokens",
    "is_file_part",
    "metered",
    "reset_clients",
    "seconds_left",
    "sendable_output",
    "stored_hosted_item",
    "warm_up",
]
