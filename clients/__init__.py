"""Thin clients: command lines for the desk, the warehouse, the till, the courier and the office. gRPC only,
no rule.
"""
