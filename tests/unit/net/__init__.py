"""The way out to other hosts."""
