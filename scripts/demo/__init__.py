"""The whole line on real servers, told as a story.

A development chain with real contracts, an embedded Postgres, and the same processes that run in
production. `population.py` invents people and works from a seed; `actors.py` sends their
transactions; `gateway.py` is the RPC endpoint of the settlement process, which can hold a
transaction back; `processes.py` starts and kills the processes; `story.py` is the sequence of
events; `outcome.py` reads the result and `report.py` prints it.
"""
