"""The Python of the lab's hosts, inside their image, on this checkout."""
