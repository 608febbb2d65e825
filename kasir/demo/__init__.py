"""A shop played through for a day: `kasir demo`, and the bank and the courier it plays with."""
