"""From nothing to a healthy lab and back: checks of the machine, stages, health, removal."""
