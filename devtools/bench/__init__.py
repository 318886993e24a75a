"""`manage.py bench`: Darkroom's own cost, as ratios within one run."""
