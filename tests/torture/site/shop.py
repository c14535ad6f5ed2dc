"""
The next release of the site in Bottle.
"""

import bottle

application = bottle.Bottle()


@application.get("/")
def index() -> str:
    return "a newer bottle"
