"""The function of a project that has the platform as a wheel."""

from assistant.api import create_app, lambda_deadline

app = create_app(streaming=True, deadline=lambda_deadline)
