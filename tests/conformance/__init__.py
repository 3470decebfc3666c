"""Conformance: named verdict cases as data, and a runner that puts any client under them (docs/conformance.md)."""
