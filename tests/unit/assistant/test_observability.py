"""A user appears in logs as a hash that nobody can compare between deployments or tenants."""

from __future__ import annotations

from assistant.observability import user_hash


def test_a_users_hash_is_stable_and_does_not_show_the_id() -> None:
    first = user_hash("acme", "ann", "salt")
    assert first == user_hash("acme", "ann", "salt")
    assert len(first) == 16
    assert "ann" not in first


def test_another_tenant_and_another_deployment_have_another_hash() -> None:
    hashes = {
        user_hash("acme", "ann", "salt"),
        user_hash("acme", "ann", "other salt"),
        user_hash("globex", "ann", "salt"),
        user_hash("acme", "bob", "salt"),
        # A separator keeps tenant and user apart.
        user_hash("acm", "eann", "salt"),
    }
    assert len(hashes) == 5
