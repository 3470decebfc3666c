"""The cases, one module for each group of rules; importing a module registers its cases."""
