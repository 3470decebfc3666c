"""What is reported, by clients and by other VAs, and how it gets around (docs/spec section 9)."""
