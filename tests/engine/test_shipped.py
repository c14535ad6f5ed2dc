"""
What comes with cinestream is all that a server needs.
"""

from __future__ import annotations

import io
import tarfile

from cinestream_ops import desired
from cinestream_ops.engine.planning import NOTHING, blobs, uploads
from cinestream_ops.engine.shipped import shipped
from cinestream_ops.plan import plan
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import paths
from cinestream_ops.state.facts import Facts, Machine


def test_the_runner_is_a_package_and_nothing_beside_it():
    with tarfile.open(fileobj=io.BytesIO(shipped().runner)) as archive:
        names = archive.getnames()

    assert {"cinestream_worker"} == {name.partition("/")[0] for name in names}
    assert paths.WORKER.removeprefix(f"{paths.RUNNER}/") in names
    assert {"py"} == {name.rpartition(".")[2] for name in names}


def test_a_bare_server_is_brought_all_that_it_has_to_unpack():
    wanted = desired.everything(House(server=toml.server({})), Machine(), {}, shipped())
    made = plan(wanted, Facts(machine=Machine(), specs={}, items={}))

    needed = {blob for step in made.steps for blob in blobs(step)}

    assert 2 == len(needed)
    assert needed == uploads(made, NOTHING).uploads.keys()
