"""The protocol core: values, encodings, rules; offline and with the clock as an argument."""
