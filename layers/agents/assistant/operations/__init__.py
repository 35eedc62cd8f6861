"""The ten operations that answer at once."""
