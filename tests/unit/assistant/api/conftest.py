"""Fixtures: an app for requests that do not reach the table and the bucket."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from assistant.api import create_app
from assistant.context import Resources
from assistant.settings import Settings

PAGE = "https://app.example"


@pytest.fixture
def settings() -> Settings:
    return Settings(auth_mode="guest", allowed_origins=(PAGE,), table_name="none", bucket_name="none")


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(Resources(settings), streaming=True)
