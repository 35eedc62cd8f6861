"""Pure functions from data to a ChatKit widget."""
