"""Tool calls that a user must approve: stored runs, the user's decisions, and the cards that ask."""
