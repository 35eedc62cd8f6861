"""Fixtures: an identity provider on HTTPS whose authority this process trusts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.identity import fetch
from tests.support.tls import Authority, make_authority
from tests.support.tls_issuer import TlsIssuer, running_tls_issuer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsIssuer]:
    """A provider of this test's own."""
    # A busy machine takes its time. Tests of the limit set their own.
    monkeypatch.setattr(fetch, "FETCH_SECONDS", 600.0)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with running_tls_issuer(authority) as running:
        yield running
