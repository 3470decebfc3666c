"""Unit tests of the mecai command."""
