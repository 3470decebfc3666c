"""What a lab is, as values: the topology, read once, the plan that follows from it, the snapshot kept with the lab."""
