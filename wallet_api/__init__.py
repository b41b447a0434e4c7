"""HTTP API and web wallet for card holders."""
