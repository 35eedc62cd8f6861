"""The function `stream`: the same operations as `chat`, with streaming. The streaming runtime runs `app`."""

from __future__ import annotations

from assistant.api import create_app, lambda_deadline, make_handler
from assistant.models import reset_clients, warm_up
from assistant.settings import load_settings
from lambda_stream import register_after_restore, register_before_snapshot

app = create_app(streaming=True, deadline=lambda_deadline)

# With SnapStart, the SDKs are loaded before the snapshot. Connections do not survive it.
register_before_snapshot(lambda: warm_up(load_settings()))
register_after_restore(reset_clients)

# Used without the wrapper: the same answers, without streaming.
lambda_handler = make_handler(app)
