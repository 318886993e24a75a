"""`manage.py chaos`: inject faults under load, then audit every task and credit."""
