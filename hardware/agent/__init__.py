"""The hardware agent: takes print jobs, drives the printers, and says truly what became of each."""
