"""Models: the factory, one file for each provider, retries and fallback, and the repair of odd streams.

Importing this package is cheap. The agents SDK and a provider's client load when `build_model` or `warm_up` is called,
which a read or a health check never does.
"""

from assistant.models.deadline import deadline, seconds_left
from assistant.models.factory import build_model, close_clients, reset_clients, warm_up

__all__ = ["build_model", "close_clients", "deadline", "reset_clients", "seconds_left", "warm_up"]
