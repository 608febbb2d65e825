"""The gRPC server: identity, limits, streams, deadlines; no business rule."""
