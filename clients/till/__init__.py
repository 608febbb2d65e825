"""The till's core: what a terminal till and a touch till share. It has no window and prints nothing.

`till.Till` is the way in; `commands` has `kasir till`.
"""
