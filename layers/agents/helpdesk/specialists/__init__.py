"""The agents. Which model they run on is the platform's business: none is named here."""
