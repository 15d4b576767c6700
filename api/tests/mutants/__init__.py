"""The seeded bugs: each must turn the suite red (`make mutants`)."""

from tests.mutants import attempts, edge, lost, money, orders, payments, telling

BUGS = (*money.BUGS, *orders.BUGS, *attempts.BUGS, *lost.BUGS, *edge.BUGS, *payments.BUGS, *telling.BUGS)
