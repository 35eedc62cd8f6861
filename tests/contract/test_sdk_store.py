"""The SDK's own tests of a store, run on ours."""

import pytest
from tests.test_store import *  # noqa: F403

pytestmark = pytest.mark.anyio
