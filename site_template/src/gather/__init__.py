"""
The agent that gathers a city's showtimes with Claude: one process per run, `python -m gather`.

It is told everything on stdin and answers on stdout; it knows no database, no user and no site.
"""
