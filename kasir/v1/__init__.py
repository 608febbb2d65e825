"""Messages and stubs of the contract, written by `make gen` from proto/: do not edit."""
