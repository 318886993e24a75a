"""`manage.py bench`: what Darkroom itself costs, as ratios within one run."""
