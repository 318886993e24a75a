"""Retrying and waiting: what the stages, the deliveries and the engine share."""
