"""Tests of the lab's machinery that need neither root nor hosts."""
