"""The seeded bugs: each must turn the suite red (`make mutants`)."""

from tests.mutants import attempts, edge, money

BUGS = (*money.BUGS, *attempts.BUGS, *edge.BUGS)
