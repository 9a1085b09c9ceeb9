"""How long a letter may take."""

# Seconds, in all, for handing one letter over: well below the minute for which
# the outbox lets a worker hold it.
DEADLINE = 9.0
