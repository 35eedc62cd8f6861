"""The agents. They name no model: the platform chooses it."""
