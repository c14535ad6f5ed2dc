"""
A site of somebody's own, in Bottle.
"""

import os
import time

import bottle

application = bottle.Bottle()


@application.get("/")
def index() -> str:
    return f"bottle {os.getpid()}"


@application.get("/slow")
def slow() -> str:
    time.sleep(2)
    return "slow but sure"
