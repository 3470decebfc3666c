"""The `testbed` command: one file for each verb."""
