"""Embeddings of Amazon Titan on Bedrock. A request takes one text, so several requests run at once.

The layer has the description of Bedrock only if the agents' package names it: `aws_services = ["bedrock-runtime"]`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from assistant.errors import ConfigurationError, ModelUnavailableError
from assistant.passages.embedding import Embedder
from assistant.settings import Settings

REQUESTS_AT_ONCE = 8
# A request embeds one passage, which takes a tenth of a second.
READ_SECONDS = 10
ATTEMPTS = 4

_lock = threading.Lock()
_threads = ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="bedrock")
_client: Any = None


def _made_client() -> Any:
    global _client
    with _lock:
        if _client is None:
            import boto3
            from botocore.config import Config

            retries: Any = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
            _client = boto3.client(
                "bedrock-runtime",
                config=Config(read_timeout=READ_SECONDS, retries=retries, max_pool_connections=REQUESTS_AT_ONCE),
            )
        return _client


class BedrockEmbedder(Embedder):
    """Titan's text embeddings."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if not self.model.startswith("amazon.titan-embed"):
            raise ConfigurationError(
                "With EMBEDDING_PROVIDER=bedrock, EMBEDDING_MODEL must be a model amazon.titan-embed-…, "
                f"not {self.model!r}."
            )

    async def embed(self, texts: Sequence[str], *, question: bool) -> list[list[float]]:
        """Return the vectors, one request for each text."""
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(_threads, self._embed, text) for text in texts)))

    def _embed(self, text: str) -> list[float]:
        from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError

        body = json.dumps({"inputText": text, "dimensions": self.dimensions, "normalize": True})
        try:
            answer = _made_client().invoke_model(modelId=self.model, body=body)
            vector: list[float] = json.loads(answer["body"].read())["embedding"]
        except UnknownServiceError as error:
            raise ConfigurationError(str(error)) from error
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            raise ModelUnavailableError("The documents cannot be searched right now. Please try again.") from error
        if len(vector) != self.dimensions:
            raise ConfigurationError(
                f"{self.model} gives {len(vector)} numbers. EMBEDDING_DIMENSIONS is {self.dimensions}: Titan has 256,"
                " 512 and 1024."
            )
        return vector
