"""The platform under the agents: everything between a ChatKit request and a stored, streamed answer.

You do not need to edit this package to adopt the project. Agents live in a package of their own, named by
`AGENT_FACTORY`; `helpdesk` is the sample.
"""

from assistant.lazy_imports import install
from assistant.lazy_places import PLACES

__version__ = "0.2.0"

# Before anything imports an SDK.
install(PLACES)
