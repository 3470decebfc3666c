"""Coverage-guided fuzzing of every parser of what strangers send: `make fuzz`, or `python -m tests.fuzz`."""
