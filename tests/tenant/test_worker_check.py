"""
Claims about `--check`: silence when an application can be imported, one sentence when it cannot.
"""

from __future__ import annotations

import pytest
from tenant_processes import RUNNER

GOOD = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]

def create_app():
    return app

class Asgi:
    async def __call__(self, scope, receive, send): ...

asgi = Asgi()
text = "x"
"""


STAYS = """
import atexit, threading, time

threading.Thread(target=time.sleep, args=(3600,)).start()
atexit.register(time.sleep, 3600)
"""


@pytest.mark.parametrize(("target", "code"), [("blog:app", 0), ("blog:text", 1)])
def test_a_check_ends_when_the_import_did_whatever_the_application_goes_on_with(
    house, target, code
):
    house.write("blog.py", GOOD + STAYS)

    assert code == house.run("--wsgi", target, "--check").returncode


@pytest.mark.parametrize("target", ["blog:app", "blog:create_app()"])
def test_an_application_that_is_there_is_met_with_silence(house, target):
    house.write("blog.py", GOOD)

    done = house.run("--wsgi", target, "--check")

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("blog", "`blog` is not of the form `package.module:app`"),
        ("blgo:app", "there is no module `blgo` in {source}"),
        ("blog.wsgi:app", "there is no module `blog.wsgi` in {source}"),
        (
            "blog:application",
            "the module `blog` has no attribute `application`; it has `app`, `create_app`",
        ),
        ("blog:text", "`blog:text` is of type `str`, not a WSGI application"),
        ("blog:asgi", "`blog:asgi` is an ASGI application, and this worker serves WSGI"),
        (
            "needy:app",
            "`needy` needs the module `flaskk`, which is not there ({source}/needy.py:2)",
        ),
        ("broken:app", "{source}/broken.py:2 is not Python: invalid syntax"),
        ("raising:app", "`raising` raised KeyError: 'COLOUR' ({source}/raising.py:2)"),
        ("leaving:app", "`leaving` raised SystemExit: 3 ({source}/leaving.py:2)"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(house, target, sentence):
    house.write("blog.py", GOOD)
    house.write("needy.py", "\nimport flaskk\n")
    house.write("broken.py", "\nx = = 1\n")
    house.write("raising.py", "import os\nos.environ['COLOUR']\n")
    house.write("leaving.py", "import sys\nsys.exit(3)\n")

    done = house.run("--wsgi", target, "--check")

    assert f"error: {sentence.format(source=house.source)}\n" == done.stderr
    assert (1, "") == (done.returncode, done.stdout)


def test_nothing_is_bound(house):
    house.write("blog.py", GOOD)

    done = house.run("--wsgi", "blog:app", "--check", "--port", str(house.port))

    assert 0 == done.returncode


def test_a_broken_env_file_is_told_before_anything_is_imported(house):
    house.write("blog.py", "raise SystemExit('imported')")
    (house.directory / ".env").write_text("SECRET\n")

    done = house.run("--wsgi", "blog:app", "--check")

    assert done.stderr.startswith("error: `.env` line 1 is not a plain KEY=VALUE")


def test_the_application_sees_what_env_sets(house):
    house.write("blog.py", GOOD + "import os\nassert os.environ['COLOUR'] == 'red'\n")
    house.env(COLOUR="red")

    done = house.run("--wsgi", "blog:app", "--check")

    assert "" == done.stderr


@pytest.mark.parametrize("name", ["worker", "server", "dotenv", "command", "main"])
def test_an_application_may_have_a_module_of_any_name(house, name):
    house.write(f"{name}.py", GOOD)

    done = house.run("--wsgi", f"{name}:app", "--check")

    assert "" == done.stderr


@pytest.mark.parametrize("program", [RUNNER, RUNNER.parent])
@pytest.mark.parametrize("name", ["door", "showtimes"])
def test_what_lies_beside_the_worker_is_no_source(house, program, name):
    done = house.run("--wsgi", f"{name}:app", "--check", program=program)

    assert f"error: there is no module `{name}` in {house.source}\n" == done.stderr


def test_a_port_that_is_taken_is_told(house):
    house.write("blog.py", GOOD)

    done = house.run("--wsgi", "blog:app", "--port", str(house.port))

    assert f"error: port {house.port} cannot be bound: Address already in use\n" == done.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("THREADS", "many", "THREADS is not a whole number of 1 to 64"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(house, name, value, sentence):
    house.write("blog.py", GOOD)
    house.env(**{name: value})

    done = house.run("--wsgi", "blog:app", "--port", "1")

    assert f"error: {sentence}\n" == done.stderr
