"""The seeded bugs: each must turn the suite red (`make mutants`)."""

from tests.mutants import attempts, edge, lost, money, payments, telling

BUGS = (*money.BUGS, *attempts.BUGS, *lost.BUGS, *edge.BUGS, *payments.BUGS, *telling.BUGS)
