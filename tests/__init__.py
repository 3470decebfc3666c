"""Every test of the project; `python -m tests` runs them stage by stage."""
