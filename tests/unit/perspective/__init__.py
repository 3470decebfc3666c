"""Tests of the agent on another network."""
