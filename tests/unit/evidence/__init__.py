"""Tests of certificate status."""
