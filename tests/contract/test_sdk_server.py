"""The SDK's own tests of its server, run on our store."""

import pytest
from tests.test_chatkit_server import *  # noqa: F403 - the SDK's tests, all of them

pytestmark = pytest.mark.anyio
