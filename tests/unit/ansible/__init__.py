"""The collection's own promises, held without any host."""
