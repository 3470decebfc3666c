"""Unit tests: they mirror the tree and run offline."""
