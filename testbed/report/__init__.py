"""A whole lab put to the test: testinfra and every scenario, and what is written of it for people and programs."""
