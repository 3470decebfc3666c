"""MECAI, Mutually Endorsing CA Infrastructure: certificate authorities act as notaries for each other.

The rooms of this package, and which may import which, are drawn in docs/architecture.md and held by import-linter.
"""

__version__ = "0.1.0"
