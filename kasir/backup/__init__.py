"""`kasir backup`: a store's copies and its journal in another place, and the way back to any moment."""
