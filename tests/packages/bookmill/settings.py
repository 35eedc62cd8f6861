"""The shop's own settings."""

from dataclasses import dataclass

from assistant.settings import Secret, variable


@dataclass(frozen=True, kw_only=True)
class Variables:
    """The shop's variables."""

    bookmill_key: Secret = variable("The key of the shop's API.")
    bookmill_orders: str = variable("The table of the orders.")
    bookmill_queue: str = variable("The queue of the parcels.")
    bookmill_most: int = variable("How many books a customer may order.", default=5)
