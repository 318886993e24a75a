"""Deliveries about ended jobs: the webhook message and the delays between attempts."""
