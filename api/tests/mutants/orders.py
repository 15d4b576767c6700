"""Seeded bugs of an order: the locks and constraints that make it one, and the one statement of the everyday one."""

from tests.mutants.bug import APP, FIRST_TABLES, Bug, Edit, bug

_GENERATIONS = "domain/generations/"
_MODELS = APP + _GENERATIONS + "models.py"
_ORDERS = APP + _GENERATIONS + "order_queries.py"

BUGS = (
    Bug(
        "no unique index on the running generation of a user, and no lock",
        (
            Edit(
                FIRST_TABLES,
                "        [\"user_id\"],\n        unique=True,\n        postgresql_where=\"status IN ('queued', 'running')\",",
                "        [\"user_id\"],\n        unique=False,\n        postgresql_where=\"status IN ('queued', 'running')\",",
            ),
            Edit(
                _MODELS,
                '            "user_id",\n            unique=True,',
                '            "user_id",\n            unique=False,',
            ),
            Edit(
                "api/alembic/versions/0013_newest_generation.py",
                "    PERFORM pg_advisory_xact_lock(hashtextextended('generation of user ' || who::text, 0));\n",
                "",
            ),
            Edit(
                _ORDERS,
                "\n            AND pg_try_advisory_xact_lock(hashtextextended('generation of user ' || person.id::text, 0))",
                "",
            ),
        ),
        ("races/test_submit_races.py::TestWithoutRedis",),
    ),
    bug(
        "a user's second tap is not looked for",
        _GENERATIONS + "ordering.py",
        "    if bars.running is not None:\n        raise _active_error(bars.running)\n",
        "",
        "api/test_generations.py::TestSubmit",
    ),
    bug(
        "an order at once does not look for a ban",
        _GENERATIONS + "order_queries.py",
        " AND person.banned_at IS NULL\n",
        "\n",
        "api/test_bans.py",
    ),
    bug(
        "an order at once does not wait for a ban that is being written",
        _GENERATIONS + "order_queries.py",
        "        FOR SHARE OF person\n",
        "",
        "domain/generations/test_orders_at_once.py",
    ),
    bug(
        "an order at once waits for locks as long as any other",
        _GENERATIONS + "order_queries.py",
        "LOCK_WAIT_MS = 200",
        "LOCK_WAIT_MS = 20_000",
        "domain/generations/test_orders_at_once.py",
    ),
    bug(
        "an order at once is sold at the price of a moment ago",
        "domain/catalogue/parts.py",
        " AND current.unit_price = CAST(:price AS bigint)\n",
        "\n",
        "domain/generations/test_orders_at_once.py",
    ),
    bug(
        "an order at once has no job",
        "queue/enqueue.py",
        "'{GENERATE}:' || due.key, 'null', 'queued' FROM due\n",
        "'{GENERATE}:' || due.key, 'null', 'queued' FROM due WHERE false\n",
        "domain/generations/test_orders_at_once.py",
    ),
    bug(
        "an order at once keeps no key",
        "domain/idempotency/parts.py",
        "FROM told WHERE CAST(:key AS text) IS NOT NULL",
        "FROM told WHERE CAST(:key AS text) IS NULL",
        "domain/generations/test_orders_at_once.py",
    ),
    bug(
        "an order at once costs one credit, whatever the price",
        _GENERATIONS + "order_queries.py",
        "SELECT id, CAST(:price AS bigint) FROM buyer WHERE NOT EXISTS",
        "SELECT id, CAST(1 AS bigint) FROM buyer WHERE NOT EXISTS",
        "domain/generations/test_orders_at_once.py",
    ),
    bug(
        "an order at once does not hear the client's highest price",
        _GENERATIONS + "ordering.py",
        "        is_dearer = quote is not None and body.max_price is not None and quote.price_credits > body.max_price\n",
        "        is_dearer = False\n",
        "api/test_generations.py",
    ),
    bug(
        "an order at once is taken while the provider is down",
        _GENERATIONS + "admission.py",
        "    if standing.breaker.is_open or _is_nearly_empty(",
        "    if _is_nearly_empty(",
        "stories/test_breaker.py",
    ),
)
