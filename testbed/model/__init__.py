"""What a lab is, as values: the topology, read once, and the plan that follows from it."""
