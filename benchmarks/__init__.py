"""Measurements of this project, one file each: `make bench`, or `python -m benchmarks [NAME...]`."""
