"""What tests drive from outside: programs that stand for a user of the product."""
