"""
Asks this machine's nginx for pages of one site in turn, one connection a request, until stdin ends.

Run on the server: `python3 asker.py HOST PAUSE LONGEST PATH...`, with both in seconds.  It writes a
line an answer: status (0 without an answer in time), seconds, Retry-After.  One process for all
requests, since to start one costs more than to serve a page.
"""

import http.client
import itertools
import select
import sys
import time


def asked(host, path, longest):
    """Status and Retry-After."""
    connection = http.client.HTTPConnection("127.0.0.1", timeout=longest)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
    return answer.status, answer.headers.get("Retry-After", "")


def main(host, pause, longest, *paths):
    for path in itertools.cycle(paths):
        began = time.monotonic()
        status, retry_after = asked(host, path, float(longest))
        took = time.monotonic() - began
        told = status if took <= float(longest) else 0
        sys.stdout.write(f"{told} {took:.6f} {retry_after}\n")
        sys.stdout.flush()
        if select.select([sys.stdin], [], [], float(pause))[0]:
            return


main(*sys.argv[1:])
