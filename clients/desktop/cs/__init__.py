"""The customer service desk in a window: `kasir cs-desktop`."""
