"""What Postfix writes: one module for each family of log lines."""
