"""Asking a VAS."""
