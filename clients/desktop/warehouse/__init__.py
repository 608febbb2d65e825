"""The warehouse in a window: `kasir warehouse-desktop`."""
