"""The demo model's mind: what it answers and which tools it calls, without a network."""
