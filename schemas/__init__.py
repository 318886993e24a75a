"""Payloads that cross a boundary, rows, events, Redis keys, and errors that carry their own policy."""
