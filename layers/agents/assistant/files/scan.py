"""Check that a file has passed a malware scan before a message can have it or a model reads it.

With `MALWARE_SCAN`, GuardDuty tags each uploaded object with its result. A file without a tag is still being scanned.
Only a clean file passes: a file that could not be scanned counts as refused. The hook `scan_result` of the agents'
package replaces the tag, for another scanner.

https://docs.aws.amazon.com/guardduty/latest/ug/monitoring-malware-protection-s3-scans-gdu.html
"""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from chatkit.types import Attachment

from assistant import hooks
from assistant.context import Resources
from assistant.errors import FileRefusedError, FileUncheckedError
from assistant.files.urls import is_ours, object_key
from assistant.identity import Caller

logger = logging.getLogger(__name__)

ScanResult = Literal["clean", "refused"]

SCAN_TAG = "GuardDutyMalwareScanStatus"
CLEAN = "NO_THREATS_FOUND"
# GuardDuty could not scan the file, because the stack lacks a permission or GuardDuty failed.
BROKEN = {"ACCESS_DENIED", "FAILED"}
# A scan of a small file takes seconds. A function without streaming has 29 s for the whole turn.
WAIT_SECONDS = 8.0
POLL_SECONDS = 1.0
# `Retry-After` of a message whose file is still being scanned.
RETRY_SECONDS = 5.0


async def scan_result(
    resources: Resources, owner: Caller, attachment: Attachment, key: str | None = None
) -> ScanResult | None:
    """Return the result of a file's scan; None if there is no result yet. Without a scan, every file is clean.

    Args:
        resources: The bucket.
        owner: The owner of the file.
        attachment: The file.
        key: The file's object, if it is not an attachment's.

    Raises:
        KeyError: the object does not exist.
    """
    hook = hooks.find_hook(resources.settings, "scan_result")
    if hook is not None:
        answer: ScanResult | None = await hook(resources, owner, attachment)
        return answer
    if not resources.settings.malware_scan or not is_ours(attachment.id):
        return "clean"
    tag = await resources.objects.tag(key or object_key(owner, attachment.id), SCAN_TAG)
    if tag is None:
        return None
    if tag in BROKEN:
        logger.error("GuardDuty could not scan a file: %s. Check the role of the malware protection plan.", tag)
    return "clean" if tag == CLEAN else "refused"


async def check_scan(
    resources: Resources, owner: Caller, attachment: Attachment, *, may_wait: bool, key: str | None = None
) -> None:
    """Wait a moment for the result of a file's scan, and refuse a file that is not clean.

    Without `may_wait`, do not wait: too many requests of the user wait already.

    A file whose bytes are missing passes: the caller finds that out itself. `key` is as for `scan_result`.

    Raises:
        FileUncheckedError: there is no result yet.
        FileRefusedError: the scan found a threat, or could not scan the file.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_SECONDS
    while True:
        try:
            result = await scan_result(resources, owner, attachment, key)
        except KeyError:
            return
        if result == "clean":
            return
        if result is not None:
            raise FileRefusedError(f"The file '{attachment.name}' did not pass the security check. Please remove it.")
        if not may_wait or loop.time() + POLL_SECONDS > deadline:
            raise FileUncheckedError(
                f"The file '{attachment.name}' is still being checked. Please send your message again in a moment.",
                retry_after=RETRY_SECONDS,
            )
        await asyncio.sleep(POLL_SECONDS)
