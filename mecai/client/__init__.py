"""A TLS client that demands vouchers."""
