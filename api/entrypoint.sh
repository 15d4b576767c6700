#!/bin/sh
# What a container runs before its program. `rassom api` finds a migrated database, unless RUN_MIGRATIONS=false: replicas that start
# together queue at an advisory lock (alembic/env.py) and migrate once. Other commands migrate nothing. The program then takes the
# place of this shell, so that signals reach it.
set -eu

if [ "${1-} ${2-}" = "rassom api" ]; then
    # The words that the settings take for false; a wrong one is refused by the settings, whoever reads it first.
    case "$(printf %s "${RUN_MIGRATIONS:-true}" | tr '[:upper:]' '[:lower:]')" in
    false | off | no | f | n | 0) ;;
    *)
        # In the background, because a shell that waits for a foreground program hears of a signal only after it.
        alembic -c "$(dirname "$0")/alembic.ini" upgrade head &
        migration=$!
        trap 'kill -TERM "$migration" 2>/dev/null || true' TERM INT
        wait "$migration"
        trap - TERM INT
        ;;
    esac
    export RUN_MIGRATIONS=false
fi

exec "$@"
