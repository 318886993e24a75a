"""`manage.py chaos`: load and faults at once, then the ledger of what became of every task."""
