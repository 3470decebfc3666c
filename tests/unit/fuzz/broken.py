"""A stand-in for `tests.fuzz.one` that a test may break: `TARGET` says how."""

import sys

import atheris


def target(data: bytes) -> None:
    """Do what the name of the target says."""
    if sys.argv[1] == "raises" and data:
        raise TypeError(data)


if __name__ == "__main__":
    if sys.argv[1] == "dies":
        sys.exit(5)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()
