"""What makes hosts out of a plan: one room for each way."""
