"""The lab on plain Debian machines with their own systemd as PID 1, made for this: what a `down` leaves there."""
