"""The benchmark: the same durable work on Kasir and on PostgreSQL, side by side, in the same run.

See docs/performance.md for what is measured and how to repeat it, and `python -m bench --help`.
"""
