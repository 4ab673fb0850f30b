"""The whole line on real servers, told as a story.

A development chain with real contracts, an embedded Postgres, and the same processes that run in
production. `population.py` invents people and works from a seed; `actors.py` sends their
transactions; `gateway.py` is the RPC endpoint of the settlement process, which can hold a
transaction back; `theatre.py` starts and kills the processes; `story.py` is the sequence of events,
`conditions.py` what it waits for, `authority.py` what officials do in it; `outcome.py` reads the
result and `report.py` prints it.
"""
