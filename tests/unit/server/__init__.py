"""A server that staples, tested without a network."""
