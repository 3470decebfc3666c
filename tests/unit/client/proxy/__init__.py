"""Unit tests of the proxy for browsers."""
