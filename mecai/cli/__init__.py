"""The `mecai` command: one file per verb; the last room, which may import every other."""
