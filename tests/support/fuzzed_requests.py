"""The requests that random ones are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.aws import Aws
from tests.support.private_data import Conversation, guesses


class Inside:
    """What a random request is made from, and what its answer must not contain.

    Attributes:
        environment: The environment of the functions. A request without a token is the guest's.
        requests: Requests that are right, with the guest's own ids.
        ids: Ids of the guest and of another user.
        words: Words about the inside. No error may contain one.
    """

    def __init__(
        self,
        aws: Aws,
        environment: Mapping[str, str],
        mine: Conversation,
        spare: Conversation,
        other: Conversation,
    ) -> None:
        self.environment = environment
        # What these two delete is needed by no other request.
        own = guesses(mine) | {name: guesses(spare)[name] for name in ("threads.delete", "attachments.delete")}
        own["threads.create"] = {"input": own["threads.add_user_message"]["input"]}
        own |= {"threads.list": {}, "attachments.create": {"name": "a.txt", "size": 4, "mime_type": "text/plain"}}
        own["input.transcribe"] = {"audio_base64": "GkXfoyBzb21lIGF1ZGlv", "mime_type": "audio/webm"}
        self.requests: tuple[dict[str, Any], ...] = (
            *({"type": name, "params": params} for name, params in own.items()),
            {"message": {"content": "Hi"}},
            {"input": {"content": "Hi"}, "thread_id": mine.thread_id},
        )
        self.ids = tuple(
            named
            for each in (mine, other)
            for named in (each.thread_id, each.answer.id, each.widget.id, each.attachment_id)
        )
        self.words = (aws.table_name, aws.endpoint_url, "Traceback", ".py", "botocore", "pydantic", "agents/", "0x7")
