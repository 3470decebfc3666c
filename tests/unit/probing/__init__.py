"""Unit tests of the probe and of corroboration."""
