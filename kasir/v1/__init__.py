"""The contract's messages and stubs, written by `make gen` from proto/kasir/v1: do not edit."""
