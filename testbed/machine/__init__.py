"""This machine: a lab's files and lock on it, its tools and mounts, bounded waits, every limit."""
