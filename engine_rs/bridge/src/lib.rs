//! Protobuf bytes in, protobuf bytes out, for the Python module `engine._core`.
