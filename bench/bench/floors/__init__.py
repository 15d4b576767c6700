"""The floors: bare programs that do the same work without anything around it, each a process of its own."""
