"""A VAS with all that it needs, each part a process that is killed and comes back as under systemd."""
