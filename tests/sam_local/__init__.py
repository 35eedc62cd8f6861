"""What the test of `make sam-local` needs where Lambda's image cannot be pulled: a Docker daemon, and an image."""
