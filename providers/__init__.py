"""Who we call. Each kind is one small Protocol and its implementations, one module each."""
