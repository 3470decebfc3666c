"""The client, tested without a network."""
