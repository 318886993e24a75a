"""The engine: what moves jobs from stage to stage, and sees to it that every one of them ends."""
