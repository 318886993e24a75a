"""External services: one Protocol per kind, and its implementations, one module each."""
