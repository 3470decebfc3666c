"""Hosts that a stranger named: which addresses may be contacted, and one bounded HTTP exchange with them."""
