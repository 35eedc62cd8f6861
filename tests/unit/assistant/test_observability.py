"""A user appears in logs as a hash that nobody can compare between deployments or tenants."""

from __future__ import annotations

from assistant.identity import Caller
from assistant.observability import user_hash

ANN = Caller(tenant_id="acme", user_id="ann", role="user")


def test_a_users_hash_is_stable_and_does_not_show_the_id() -> None:
    first = user_hash(ANN, "salt")
    assert first == user_hash(Caller(tenant_id="acme", user_id="ann", role="admin"), "salt")
    assert len(first) == 16
    assert "ann" not in first


def test_another_tenant_and_another_deployment_have_another_hash() -> None:
    hashes = {
        user_hash(ANN, "salt"),
        user_hash(ANN, "other salt"),
        user_hash(Caller(tenant_id="globex", user_id="ann", role="user"), "salt"),
        user_hash(Caller(tenant_id="acme", user_id="bob", role="user"), "salt"),
        # A separator keeps tenant and user apart.
        user_hash(Caller(tenant_id="acm", user_id="eann", role="user"), "salt"),
    }
    assert len(hashes) == 5
