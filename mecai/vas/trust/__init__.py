"""Whom a VA trusts: directories in force, trust contexts, distrust."""
