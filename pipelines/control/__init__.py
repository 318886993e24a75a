"""The background loops of a worker process, and what they do. `manage.py` runs some of them once."""
