"""Printers that are programs: they speak on a TCP port or a pty as the real ones do, and keep their paper."""
