"""On AWS, a key is a secret that is read at its first use."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from assistant.settings import load_settings


def test_a_key_is_read_from_the_secret_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        boto3.client("secretsmanager").create_secret(Name="prod/openai", SecretString="sk-from-aws")
        settings = load_settings({"AUTH_MODE": "guest", "OPENAI_API_KEY_SECRET": "prod/openai"})
        assert settings.llm_provider == "openai"
        assert settings.openai_api_key.read() == "sk-from-aws"
