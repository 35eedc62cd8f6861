"""The whole system on one machine: the dev server, and what tests share with it. Never deployed."""
