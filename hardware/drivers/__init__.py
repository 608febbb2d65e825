"""Lines to printers (network, serial, USB, CUPS) and the languages spoken over them (ESC/POS, ZPL)."""
