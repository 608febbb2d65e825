"""The benchmark: the same durable work on Kasir and on PostgreSQL, Redis and SQLite, side by side, in
the same run.

See bench/README.md for what is measured and how to repeat it, and `python -m bench --help`.
"""
