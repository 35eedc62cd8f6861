"""Functions that turn records into ChatKit widgets."""
