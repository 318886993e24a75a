"""What is said: every payload that crosses a boundary, and the errors that carry their own policy."""
