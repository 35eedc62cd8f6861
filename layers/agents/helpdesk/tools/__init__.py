"""The agents' tools. Each tool acts for the verified caller, shows its progress, and returns errors that the model can
act on."""
