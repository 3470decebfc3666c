"""Integration tests: real programs on loopback."""
