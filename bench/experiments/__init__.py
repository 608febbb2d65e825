"""Experiments behind decisions, kept so that whoever doubts a figure can repeat it. Nothing depends on
them.
"""
