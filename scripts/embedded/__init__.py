"""Servers that live as long as the process that needs them: Postgres, Redis and a dev chain.

Nothing has to be installed or configured: the programs come out of wheels and npm packages. A
server belongs to one owner process and to one directory, and never outlives the owner for long:

    owner ──pipe──► keeper ──child──► server
                    waits for the end of the pipe, then shuts the server down in order

The owner may return, raise, be interrupted or be killed with SIGKILL: in each case the kernel
closes the pipe. If the keeper is killed, Linux signals the server (PR_SET_PDEATHSIG).

    postgres.py redis.py anvil.py   one context manager each: `running_postgres(directory)`, …
    launch.py                       starts a keeper, waits for readiness, stops it
    keeper.py                       the small process between owner and server
    ownership.py                    one owner per directory, by file locks
    places.py                       where things are: data, sockets, and who may enter
    programs.py                     where the servers' programs are
"""
