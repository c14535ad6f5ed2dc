"""
What crosses the wire at the start of every conversation is small, and reviewed.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cinestream_ops.channel import bundle
from cinestream_ops.channel.local import local
from cinestream_ops.state.items import (
    Archive,
    Certificate,
    Check,
    EnvFile,
    Fence,
    Gate,
    MongoAdmin,
    MongoUser,
    Package,
    Release,
    Tree,
    Unit,
    User,
    Venv,
)
from tests.conversation.server import Server

HOME = Path(bundle.__file__).parents[2]
KIB = 1024
# A larger number is a decision: every conversation waits for the first of them.
LOOK, CHANGE, WORLD = 24 * KIB, 32 * KIB, 48 * KIB

every = {name: text for part in bundle.PARTS for name, text in bundle.sources(part).items()}


@pytest.mark.parametrize(
    ("order", "most"),
    [
        ({"do": "look"}, LOOK),
        ({"do": "apply", "steps": [{"item": {"kind": "unit"}}]}, CHANGE),
        ({"do": "apply", "steps": [{"item": {"kind": "package"}}]}, WORLD),
        ({"do": "status"}, WORLD),
    ],
)
def test_what_crosses_the_wire_for_an_order_is_small(order, most):
    assert sum(len(bundle.part(name)) for name in bundle.needed(order)) <= most


def test_every_module_crosses_the_wire_once():
    found = [module for part in bundle.PARTS for module in bundle.sources(part)]

    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", [name for name, text in every.items() if text])
def test_a_module_loses_nothing_but_words(name):
    home = HOME / f"{name.replace('.', '/')}.py"

    assert meaning(home.read_text()) == meaning(every[name])


def meaning(source: str) -> str:
    """The tree of *source* with its line numbers, and without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body[0] = ast.Expr(ast.Constant(""), lineno=node.body[0].lineno)
    lines = [
        (node.lineno, type(node).__name__) for node in ast.walk(tree) if isinstance(node, ast.stmt)
    ]
    return ast.dump(tree) + str(lines)


def test_a_look_at_every_kind_needs_no_more_than_the_first_bundle(tmp_path):
    path = str(tmp_path)
    server = Server(lambda home: local(home=str(home)), tmp_path / "home", tmp_path)
    asked = (
        server.put("file"), EnvFile(f"{path}/.env", "root", "root"), User("nobody", "/"),
        Package("nginx"), Archive(path, "0"), Release(path, "0"), Venv(path, "0"), Tree(path),
        Check("it", ("true",)), Unit("nginx.service"), MongoAdmin(path), MongoUser("a", "b", path),
        Certificate("a", ("a",), path, b"", path, path), Fence("nginx"), Gate(),
    )  # fmt: skip

    facts = server.look(*asked)

    assert {item.key for item in asked} == set(facts.items)
