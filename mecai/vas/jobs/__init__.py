"""Background work: what the outbox holds is done, tried again, and in the end given up."""
