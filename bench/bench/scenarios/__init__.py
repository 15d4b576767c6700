"""One scenario a file: what is done to the instance, and what is read from it."""
