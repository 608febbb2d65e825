"""One module a carrier: how its requests and answers look. `SHAPE` is the class."""
