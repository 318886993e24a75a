"""Products as lists of stages, image functions, and the engine that runs stages."""
