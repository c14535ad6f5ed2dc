"""
What crosses the wire at the start of every conversation is small, and reviewed.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterable
from pathlib import Path

import pytest

from cinestream_ops.agent import kinds
from cinestream_ops.channel import bundle
from cinestream_ops.channel.local import local
from cinestream_ops.cli import early
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
    SiteJournal,
    Tree,
    Unit,
    User,
    Venv,
)
from tests.conversation.server import Server

HOME = Path(bundle.__file__).parents[2]
# What an owner with a slow line waits for.  A larger number is a decision: a new site brings along
# what ends it, for a change that is undone must leave nothing that runs.
LOOK, ALL_OF_A_COMMAND = 24 * 1024, 46 * 1024


def test_what_a_look_needs_is_small():
    assert len(bundle.first(bundle.needed("look"))) <= LOOK


@pytest.mark.parametrize("command", early.AHEAD)
def test_what_crosses_the_wire_for_a_command_is_small(command):
    assert len(bundle.first(bundle.foreseen(early.AHEAD[command]))) <= ALL_OF_A_COMMAND


@pytest.mark.parametrize(
    "order", ["read", "status", "logs", "run", "journal", "examine", "check-domain"]
)
def test_what_crosses_the_wire_for_a_question_is_small(order):
    look = bundle.needed("look")

    more = bundle.more(bundle.needed(order) - look)

    assert len(bundle.first(look)) + len(more) <= ALL_OF_A_COMMAND


def test_an_order_brings_what_its_modules_import_at_work():
    of_files = bundle.needed("apply", {"file"})
    of_certificates = bundle.needed("apply", {"certificate"})

    assert {"acme", "pursuit", "tls"} <= of_certificates - of_files
    assert {"transaction", "rehearsal", "disk", "place"} <= of_files


@pytest.mark.parametrize(
    "kind", ["remains", "tree", "database", "mongo-user", "site-journal", "user"]
)
def test_what_could_not_be_removed_can_be_once_nothing_is_in_the_way(kind):
    assert kinds.MODULES[kind] in bundle.needed("clear-up")


def test_imports_are_found_as_python_finds_them():
    for name in bundle.everything():
        tree = ast.parse(bundle.sources()[f"{bundle.AGENT}.{name}"])
        # A text in `program` names itself.
        at_once, later = (set(bundle.imports(name, later=it)) - {name} for it in (False, True))

        assert imported(tree.body) == at_once, name
        assert imported(ast.walk(tree)) == later, name


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    found = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    whole = {each.name for node in found if node.module == bundle.AGENT for each in node.names}
    parts = [node.module for node in found if node.module.startswith(f"{bundle.AGENT}.")]
    return whole | {module.rpartition(".")[2] for module in parts}


@pytest.mark.parametrize("name", bundle.sources())
def test_a_module_loses_nothing_but_words(name):
    home = HOME / f"{name.replace('.', '/')}.py"

    assert meaning(home.read_text()) == meaning(bundle.sources()[name])


class Untyped(ast.NodeTransformer):
    """Variables lose their types, fields of a class do not."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        for each in node.body:
            if not isinstance(each, ast.AnnAssign):
                self.visit(each)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return node
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def meaning(source: str) -> str:
    """The tree of *source* with its line numbers, without docstrings and types, but for fields'."""
    tree = Untyped().visit(ast.parse(source))
    tree.body = [node for node in tree.body if getattr(node, "module", "") != "typing"]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if has_docstring(node):
            alone = ast.Expr(ast.Constant(""), lineno=node.body[0].lineno)
            node.body = node.body[1:] or [alone]
    lines = [
        (node.lineno, type(node).__name__) for node in ast.walk(tree) if isinstance(node, ast.stmt)
    ]
    return ast.dump(tree) + str(lines)


def has_docstring(node: ast.AST) -> bool:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        return False
    return ast.get_docstring(node, clean=False) is not None


@pytest.mark.parametrize("name", bundle.sources())
def test_what_a_module_uses_of_typing_is_imported(name):
    tree = ast.parse(bundle.sources()[name])
    nodes = list(ast.walk(tree))
    found = [each for each in nodes if isinstance(each, ast.ImportFrom)]
    imported = {alias.name for each in found if each.module == "typing" for alias in each.names}

    used = {each.id for each in nodes if isinstance(each, ast.Name)} & set(typing.__all__)

    assert used <= imported


def test_a_look_at_every_kind_needs_no_more_than_the_first_bundle(tmp_path):
    path = str(tmp_path)
    server = Server(lambda home: local(home=str(home)), tmp_path / "home", tmp_path)
    asked = (
        server.put("file"), EnvFile(f"{path}/.env", "root", "root"), User("nobody", "/"),
        Package("nginx"), Archive(path, "0"), Release(path, "0"), Venv(path, "0"), Tree(path),
        SiteJournal("a"),
        Check("it", ("true",)), Unit("nginx.service"), MongoAdmin(path), MongoUser("a", "b", path),
        Certificate("a", ("a",), path, b"", path, path), Fence("nginx"), Gate(),
    )  # fmt: skip

    facts = server.look(*asked)

    assert {item.key for item in asked} == set(facts.items)


def test_a_certificate_alone_brings_what_shows_it():
    order = {"do": "apply", "steps": [{"verb": "put", "item": {"kind": "certificate"}}]}

    modules = bundle.needed("apply", bundle.kinds_in(order))

    assert {"pursuit", "fences", "disk", "nginx"} <= modules
