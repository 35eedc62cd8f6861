"""Tool calls that a user must approve: stored runs, the user's decisions, and the cards that ask."""

from assistant.approvals.call import ApprovedCall
from assistant.approvals.cards import DECIDE, asks_for_approval, is_approved, shown_answer
from assistant.approvals.decisions import HeldDecision, load_decision

__all__ = [
    "DECIDE",
    "ApprovedCall",
    "HeldDecision",
    "asks_for_approval",
    "is_approved",
    "load_decision",
    "shown_answer",
]
