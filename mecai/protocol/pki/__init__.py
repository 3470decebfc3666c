"""Certificates, their paths and their status; names, identifiers and algorithms."""
