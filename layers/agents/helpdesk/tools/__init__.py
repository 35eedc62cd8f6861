"""What the agents can call. Each tool acts for the verified caller, shows what it does while it runs, and
tells the model of a failure in words it can act on."""
