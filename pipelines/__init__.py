"""What happens: products as lists of stages, the image work as pure functions, the engine that runs stages."""
