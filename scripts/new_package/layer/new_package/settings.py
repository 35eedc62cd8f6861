"""The variables of this package. `make package` makes parameters of the deployment of them."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.settings import variable


@dataclass(frozen=True, kw_only=True)
class Variables:
    """Each field is the environment variable of that name. Without a default it has to be set."""

    new_package_most_notes: int = variable("How many notes a user may keep.", default=20)
