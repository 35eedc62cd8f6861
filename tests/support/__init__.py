"""What tests of every kind share: the local AWS, the dev server, built artifacts."""
