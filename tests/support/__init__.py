"""Helpers for all kinds of tests: the local AWS, the dev server, built artifacts."""
