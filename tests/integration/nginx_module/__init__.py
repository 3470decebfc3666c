"""The nginx module in a real nginx on loopback, asked by clients that this project did not write."""
