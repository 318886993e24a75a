"""Decoding of pictures from outside in processes of its own, without network, files and secrets.

A picture that exceeds a limit, or finds a fault in a decoder, ends its own process and nothing else. No library gives
that: `concurrent.futures` and loky fail all calls when one process dies, `multiprocessing`'s fork server passes the
environment on, and pebble, which kills a single task, has neither resource limits nor a reply that is safe to parse.
"""
