"""Hosts that a stranger named."""
