"""
A tenant that means harm: it runs what it is told to, as the site's user, inside its worker.
"""

import subprocess

import bottle

application = bottle.Bottle()
LIMIT = 60  # seconds


@application.get("/")
def index() -> str:
    return "nothing to see here"


@application.post("/run")
def run() -> dict:
    """The JSON body's *argv*, run in the worker's own sandbox; or its *inside*, by the worker."""
    order = bottle.request.json
    if "inside" in order:
        exec(order["inside"], {"application": application})
        return {"code": 0, "out": ""}
    if order.get("detached"):
        child = subprocess.Popen(
            order["argv"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return {"code": 0, "out": str(child.pid)}
    done = subprocess.run(
        order["argv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        check=False,
    )
    return {"code": done.returncode, "out": done.stdout.decode(errors="backslashreplace")}
