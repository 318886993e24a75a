"""The stages: each takes a job and what it needs, and returns the job a step further."""
