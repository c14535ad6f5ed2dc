"""
A site of somebody's own, in Flask.
"""

import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return f"flask {os.environ['GREETING']}"
