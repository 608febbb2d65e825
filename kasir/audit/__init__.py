"""`kasir audit`: whether the journal is the one that was written."""
