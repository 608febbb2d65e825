"""One module a way."""
