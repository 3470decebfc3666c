"""Telling the owners of domains: who is to be told, what, and how it reaches them (docs/spec H3, H4)."""
