"""The settings of knowledge: documents that the agents search. Without `KNOWLEDGE` there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from assistant.errors import ConfigurationError
from assistant.settings.environment import Environment
from assistant.settings.models import ProviderName

EmbeddingProvider = Literal["lexical", "openai", "gemini", "compatible", "bedrock"]

# The value of `KNOWLEDGE` for the table of the template.
DYNAMODB = "dynamodb"
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
# Enough for the lexical embedding, and every provider can shorten its vectors to it. Each number costs storage.
DEFAULT_DIMENSIONS = 256
# DynamoDB's limit of an index.
MAX_DIMENSIONS = 4_096
# A user's manuals and letters. A tenant's documents have no such limit, because only editors add them.
DEFAULT_OWN_DOCUMENTS = 20
DEFAULT_EMBEDDING_MODELS: dict[EmbeddingProvider, str] = {
    "lexical": "lexical-1",
    "openai": "text-embedding-3-small",
    "gemini": "gemini-embedding-001",
    "bedrock": "amazon.titan-embed-text-v2:0",
}


@dataclass(frozen=True)
class KnowledgeSettings:
    """The settings of knowledge.

    Attributes:
        store: `dynamodb`, or the factory of another store as module:function; empty without knowledge.
        table_name: The table of passages.
        ingest_function: The function that reads documents. Empty: the sweep's next run finds that it cannot start.
        provider: The provider of embeddings.
        model: The provider's model.
        dimensions: The length of a vector.
        editors: The roles that may change the tenant's documents; those of `ADMIN_ROLES` may always.
        own_documents: The documents that a user may have; 0 for none.
    """

    store: str = ""
    table_name: str = ""
    ingest_function: str = ""
    provider: EmbeddingProvider = "lexical"
    model: str = DEFAULT_EMBEDDING_MODELS["lexical"]
    dimensions: int = DEFAULT_DIMENSIONS
    editors: tuple[str, ...] = ()
    own_documents: int = DEFAULT_OWN_DOCUMENTS

    @property
    def on(self) -> bool:
        """Whether there is knowledge."""
        return bool(self.store)


def knowledge_settings(read: Environment, llm_provider: ProviderName) -> KnowledgeSettings:
    """Read the variables.

    Raises:
        ConfigurationError: A value is invalid, or a provider needs a model that is not named.
    """
    store = read.text("KNOWLEDGE") or ""
    if store and store != DYNAMODB and not _FACTORY.fullmatch(store):
        raise ConfigurationError(f"KNOWLEDGE must be {DYNAMODB} or module:function, not {store!r}.")
    usual: EmbeddingProvider = "lexical" if llm_provider == "demo" else llm_provider
    named = cast(EmbeddingProvider | None, read.choice("EMBEDDING_PROVIDER", get_args(EmbeddingProvider)))
    provider = named or usual
    model = read.text("EMBEDDING_MODEL") or DEFAULT_EMBEDDING_MODELS.get(provider)
    if store == DYNAMODB and model is None:
        raise ConfigurationError(f"EMBEDDING_MODEL must name a model of the provider {provider}.")
    own = read.number("KNOWLEDGE_OWN_DOCUMENTS", least=0)
    return KnowledgeSettings(
        store=store,
        table_name=read.text("KNOWLEDGE_TABLE_NAME") or "",
        ingest_function=read.text("INGEST_FUNCTION") or "",
        provider=provider,
        model=model or "",
        dimensions=read.whole("EMBEDDING_DIMENSIONS", most=MAX_DIMENSIONS) or DEFAULT_DIMENSIONS,
        editors=read.words("KNOWLEDGE_EDITORS"),
        own_documents=DEFAULT_OWN_DOCUMENTS if own is None else int(own),
    )
