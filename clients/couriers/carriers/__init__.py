"""One module a carrier. Its `CARRIER` is the class; the module's name is what people call it."""
