"""Courier companies: what every carrier can be asked for, and one module in `carriers` for each that can.

A new carrier is one new file there; `registry` finds it by its name. docs/couriers.md tells how each one's
words map onto ours, and what of it could not be verified.
"""
