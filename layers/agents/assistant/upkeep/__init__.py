"""What keeps a deployment in order: the sweep, and the export and erasure of one user's data."""
