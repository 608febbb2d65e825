"""How well `kasir match` matches bank mutations to orders: sets with truth, and what is measured on them.

`generate` plays a shop and writes down what truly happened, `evidence` decides what a careful person could
know from the two files alone, `measure` compares what a matcher says with both. The matcher sees orders and
mutations and nothing else. See bench/README.md, and `python -m bench.matching --help`.
"""
