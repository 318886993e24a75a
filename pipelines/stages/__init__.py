"""The stages: async functions that take a job and its services and return the updated job."""
