"""The till in a window, for fingers and keys. What it does is `clients.till`; here is what it looks like."""
