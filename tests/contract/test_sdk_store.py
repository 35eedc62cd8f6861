"""The SDK's own tests of a store, run on ours."""

import pytest
from tests.test_store import *  # noqa: F403 - the SDK's tests, all of them

pytestmark = pytest.mark.anyio
