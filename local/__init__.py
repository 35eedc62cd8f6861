"""The dev server, which runs the whole system on one machine. Tests use parts of it. Never deployed."""
