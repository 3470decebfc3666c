"""What schemathesis is told about a VAS: bodies that pass decoding, and the names of what they are made of."""
