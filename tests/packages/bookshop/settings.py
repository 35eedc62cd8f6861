"""The shop's own settings."""

from dataclasses import dataclass

from assistant.settings import Secret, variable


@dataclass(frozen=True)
class Variables:
    """The shop's variables."""

    bookshop_key: Secret = variable("The key of the shop's API.")
    bookshop_orders: str = variable("The table of the orders.")
    bookshop_queue: str = variable("The queue of the parcels.")
    bookshop_most: int = variable("How many books a customer may order.", default=5)
