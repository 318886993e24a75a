"""Telling about jobs that have ended: what is said, when it is tried again, and who says it."""
