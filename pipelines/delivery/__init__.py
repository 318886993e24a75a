"""Deliveries about finished jobs: the result event and the delays between attempts."""
