"""What all clients share: the way to the server, request ids that survive a crash, plain words, tables."""
