"""
A stand-in for the Messages API, on a port of this machine: it says what it was told to say.

It holds requests to the rules that the real one is known to hold them to, so that a mistake of
ours is a 400 here too.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIRECT = {"type": "direct"}
GONE = ("temperature", "top_p", "top_k")
BATCHES = "/v1/messages/batches"
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOMENT = "2026-11-24T06:00:00Z"

Body = dict[str, Any]


# ── what it may say ──


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # after half of the body


def message(*content: Body, stop: str | None = "end_turn", **usage: Any) -> Reply:
    searches, fetches = usage.pop("searches", 0), usage.pop("fetches", 0)
    tools = {"web_search_requests": searches, "web_fetch_requests": fetches}
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "thinking", "thinking": "", "signature": "sig=="}, *content],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": {
            "input_tokens": 1000,
            "output_tokens": 100,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "server_tool_use": tools if searches or fetches else None,
            "service_tier": "standard",
            **usage,
        },
    }
    return Reply(200, json.dumps(whole).encode())


def text(words: str) -> Body:
    return {"type": "text", "text": words, "citations": None}


def showtimes(*rows: Body, **usage: Any) -> Reply:
    return message(text(json.dumps({"showtimes": rows})), **usage)


def searched(*urls: str) -> tuple[Body, Body]:
    found = [
        {
            "type": "web_search_result",
            "url": url,
            "title": "x",
            "encrypted_content": "E",
            "page_age": None,
        }
        for url in urls
    ]
    return _tool("web_search", "srvtoolu_s", {"query": "кіно"}, found)


def fetched(url: str, title: str, words: str) -> tuple[Body, Body]:
    document = {
        "type": "document",
        "title": title,
        "citations": None,
        "source": {"type": "text", "media_type": "text/plain", "data": words},
    }
    result = {"type": "web_fetch_result", "url": url, "retrieved_at": None, "content": document}
    return _tool("web_fetch", "srvtoolu_f", {"url": url}, result)


def unfetched(url: str) -> tuple[Body, Body]:
    error = {"type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"}
    return _tool("web_fetch", "srvtoolu_f", {"url": url}, error)


def _tool(name: str, number: str, asked: Body, content: Any) -> tuple[Body, Body]:
    call = {"type": "server_tool_use", "id": number, "name": name, "input": asked, "caller": DIRECT}
    result = {
        "type": f"{name}_tool_result",
        "tool_use_id": number,
        "caller": DIRECT,
        "content": content,
    }
    return call, result


def error(status: int, kind: str, words: str = "no", code: str = "", **headers: str) -> Reply:
    fault: Body = {"type": kind, "message": words}
    if code:
        fault["details"] = {"error_code": code}
    body = {"type": "error", "error": fault, "request_id": "req_1"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), named)


EXPIRED = Reply(0, b"expired")  # of an entry in a batch


# ── batches ──


@dataclass
class Batch:
    """One that was begun; its *entries* are what will have become of each, by custom id."""

    id: str
    entries: dict[str, Body]
    looks: int = 0
    cancelled: bool = False

    def words(self, url: str, status: str) -> Body:
        ended = status == "ended"
        kinds = [entry["type"] for entry in self.entries.values()] if ended else []
        counts = {
            kind: kinds.count(kind) for kind in ("canceled", "errored", "expired", "succeeded")
        }
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {"processing": len(self.entries) - len(kinds), **counts},
            "created_at": MOMENT,
            "expires_at": MOMENT,
            "ended_at": MOMENT if ended else None,
            "cancel_initiated_at": MOMENT if self.cancelled else None,
            "archived_at": None,
            "results_url": f"{url}{BATCHES}/{self.id}/results" if ended else None,
        }

    @property
    def results(self) -> bytes:
        """In another order than they were asked in, as they may come."""
        lines = [{"custom_id": name, "result": self.entries[name]} for name in self.entries]
        return b"".join(json.dumps(line).encode() + b"\n" for line in reversed(lines))


def result_of(reply: Reply) -> Body:
    if reply is EXPIRED:
        return {"type": "expired"}
    words = json.loads(reply.body)
    if reply.status == 200:
        return {"type": "succeeded", "message": words}
    return {"type": "errored", "error": words}


def fault_of_batch(requests: list[Body]) -> str:
    ids = [request["custom_id"] for request in requests]
    if len(set(ids)) < len(ids) or not all(map(CUSTOM_ID.fullmatch, ids)):
        return "custom_id"
    if not ids or any(set(request) != {"custom_id", "params"} for request in requests):
        return "requests"
    if any("stream" in request["params"] for request in requests):
        return "stream"
    return ""


# ── the server ──


@dataclass
class Api:
    """
    Answers with *replies* in their order, and with the last of them for ever; the entries of a
    batch take theirs in the order in which they were sent.

    *broken* come before any other answer about a batch; those that hold go on until they are
    cancelled, when all but the first *saved* of their entries were not done.
    """

    replies: list[Reply]
    holds_from: int = 1_000  # the number of the first that does
    saved: int = 0
    broken: dict[str, list[Reply]] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0
    bodies: list[Body] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, body: Body) -> Reply:
        self.bodies.append(body)
        if fault := fault_of(body, self.bodies[:-1]):
            return error(400, "invalid_request_error", fault)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def batch_reply(self, path: str, body: Body | None) -> Reply:
        """To a request below `BATCHES`: it begins one, shows it, cancels it or tells its results."""
        number, _, verb = path.removeprefix(BATCHES).lstrip("/").partition("/")
        verb = verb or ("retrieve" if number else "create")
        self.paths.append(verb)
        if self.broken.get(verb):
            return self.broken[verb].pop(0)
        if verb == "create":
            return self._created((body or {}).get("requests", []))
        batch = next(batch for batch in self.batches if batch.id == number)
        return getattr(self, f"_{verb}")(batch)

    def _created(self, requests: list[Body]) -> Reply:
        if fault := fault_of_batch(requests):
            return error(400, "invalid_request_error", fault)
        entries = {each["custom_id"]: result_of(self.reply(each["params"])) for each in requests}
        batch = Batch(f"msgbatch_{len(self.batches)}", entries)
        self.batches.append(batch)
        return Reply(200, json.dumps(batch.words(self.url, "in_progress")).encode())

    def _retrieve(self, batch: Batch) -> Reply:
        batch.looks += 1
        holds = self.batches.index(batch) >= self.holds_from and not batch.cancelled
        status = "in_progress" if holds else "ended"
        return Reply(200, json.dumps(batch.words(self.url, status)).encode())

    def _cancel(self, batch: Batch) -> Reply:
        batch.cancelled = True
        for name in list(batch.entries)[self.saved :]:
            batch.entries[name] = {"type": "canceled"}
        return Reply(200, json.dumps(batch.words(self.url, "canceling")).encode())

    def _results(self, batch: Batch) -> Reply:
        return Reply(200, batch.results)


def fault_of(body: Body, before: list[Body]) -> str:
    """What the real API would not take."""
    tools = body.get("tools", [])
    formed = "format" in body.get("output_config", {})
    if any(name in body for name in GONE):
        return "Extra inputs are not permitted"
    if formed and any(tool.get("type", "").startswith("web_") for tool in tools):
        return "citations and output_config.format"
    if any("allowed_domains" in tool and "blocked_domains" in tool for tool in tools):
        return "both domain lists"
    resumed = body["messages"][-1]["role"] == "assistant"
    of_this = [other for other in before if other["messages"][0] == body["messages"][0]]
    if resumed and tools != of_this[-1]["tools"]:
        return "other tools on a pause"
    if resumed and any(
        "citations" not in b for b in body["messages"][-1]["content"] if b["type"] == "text"
    ):
        return "altered block"
    return ""


@contextmanager
def serving(*replies: Reply, **words: Any) -> Iterator[Api]:
    api = Api(list(replies), **words)
    with listening(handler(api)) as port:
        api.port = port
        yield api


@contextmanager
def listening(handle: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server with *handle*, on the port that is given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handle)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        log_message: Callable[..., None] = lambda *_: None

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            api.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
            batched = self.path.startswith(BATCHES)
            self.send(api.batch_reply(self.path, body) if batched else api.reply(body))

        def do_GET(self) -> None:
            api.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
            self.send(api.batch_reply(self.path, None))

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply.body)))
            self.send_header("request-id", "req_1")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
            self.wfile.flush()
            if reply.cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
