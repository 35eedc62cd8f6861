"""Shares: a read-only snapshot of a thread, behind a link that nobody can guess, that expires and can be revoked.

The table knows only the hash of a link's token. The snapshot is an object with the thread's own prefix. So it is
removed with the thread and with its owner.
"""

from assistant.shares.page import message_page, share_page
from assistant.shares.sharing import Share, list_shares, open_share, revoke_share, share_thread

__all__ = ["Share", "list_shares", "message_page", "open_share", "revoke_share", "share_page", "share_thread"]
