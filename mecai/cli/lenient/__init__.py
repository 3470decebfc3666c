"""A second, lenient reading of vouchers, for whoever asks what is wrong with one: nothing here judges."""
