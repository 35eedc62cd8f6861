"""The interface of a store of passages, and the choice of the store by the setting `KNOWLEDGE`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from assistant.aws.keys import Space
from assistant.context import Origin, Resources
from assistant.errors import ConfigurationError, ImportFailedError
from assistant.settings import DYNAMODB


@dataclass(frozen=True)
class Passage:
    """A part of a document.

    Attributes:
        document_id: The document.
        generation: The reading of the document that has made the passage.
        number: The passage's place in the document, from 0.
        text: The text.
        title: The document's name.
        page: The page, from 1, if the document has pages.
    """

    document_id: str
    generation: str
    number: int
    text: str
    title: str
    page: int | None = None


@dataclass(frozen=True)
class Hit:
    """A passage that a search has found.

    Attributes:
        space: Where it was found.
        passage: The passage.
        distance: The distance from the question; smaller is nearer. Only distances of one store can be compared.
    """

    space: Space
    passage: Passage
    distance: float

    @property
    def origin(self) -> Origin:
        """Where the passage comes from."""
        return Origin(self.space, self.passage.document_id, self.passage.generation)


class PassageStore(ABC):
    """Keeps passages by space and finds those that fit a question.

    A search of one space must return no passage of another space. The passages are a cache: if they are lost, they can
    be made again from the document.
    """

    @property
    @abstractmethod
    def model(self) -> str:
        """The name of the model and its settings. If the name changes, all documents must be read again."""

    def price(self, characters: int) -> float:
        """Return the dollars that texts of this length cost, as an estimate."""
        return 0.0

    @abstractmethod
    async def put(self, space: Space, passages: Sequence[Passage], expires_at: int | None = None) -> None:
        """Write passages of one document. The same passages may be written again.

        Args:
            space: The space.
            passages: At most `assistant.knowledge.limits.PASSAGES_AT_ONCE`.
            expires_at: When the passages may be removed, as Unix time.
        """

    @abstractmethod
    async def search(self, spaces: Sequence[Space], question: str, most: int) -> list[Hit]:
        """Return the nearest passages of the spaces, at most `most` of each, the nearest first."""

    @abstractmethod
    async def remove(
        self, space: Space, document_id: str | None = None, generations: Sequence[str] | None = None
    ) -> None:
        """Remove passages. It is no error if there are none.

        Args:
            space: The space.
            document_id: The document; None for the whole space.
            generations: The generations of the document; None for all.
        """


Factory = Callable[[Resources], PassageStore]


@cache
def _factory(setting: str) -> Factory:
    if setting == DYNAMODB:
        from assistant.passages.dynamodb import DynamoPassages

        return DynamoPassages
    module_name, _, name = setting.partition(":")
    try:
        found: Factory = getattr(import_module(module_name), name)
    except Exception as error:
        raise ImportFailedError.of(f"KNOWLEDGE={setting}", error, "Set it to module:function.") from error
    return found


def passage_store(resources: Resources) -> PassageStore:
    """Return the store that `KNOWLEDGE` names. It is cheap: the store keeps what it shares in `resources`.

    Raises:
        ConfigurationError: there is no knowledge, or the factory cannot be loaded.
    """
    setting = resources.settings.knowledge.store
    if not setting:
        raise ConfigurationError("KNOWLEDGE is not set.")
    return _factory(setting)(resources)
