"""From a query to its answer, free of AWS and of HTTP."""
