"""
A stand-in for the Messages API, on a port of this machine: it says what it was told to say.

It holds requests to the rules that the real one is known to hold them to, so that a mistake of
ours is a 400 here too.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIRECT = {"type": "direct"}
GONE = ("temperature", "top_p", "top_k")

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


# ── the server ──


@dataclass
class Api:
    """Answers with *replies* in their order, and with the last of them for ever."""

    replies: list[Reply]
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
    if resumed and tools != before[-1]["tools"]:
        return "other tools on a pause"
    if resumed and any(
        "citations" not in b for b in body["messages"][-1]["content"] if b["type"] == "text"
    ):
        return "altered block"
    return ""


@contextmanager
def serving(*replies: Reply) -> Iterator[Api]:
    api = Api(list(replies))
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
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            api.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
            self.send(api.reply(body))

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
