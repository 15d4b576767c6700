"""`python -m app.cli`, which is how the parts of `rassom up` are started."""

from app.cli import main

main()
