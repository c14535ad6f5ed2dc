"""
Claims about the document that describes the API: it is whole, and the running site does as it says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from answering import answering
from gathering import KEY
from showtimes import api, cities, queries, schedule
from showtimes.schedule import Showtime
from tenant_processes import SOURCE

pytestmark = pytest.mark.tenant

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
DOCUMENT: dict[str, Any] = json.loads(api.DOCUMENT.read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
PARAMETERS: dict[str, Any] = DOCUMENT["components"]["parameters"]
OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def test_the_document_is_served_as_it_was_written(client):
    assert client.get("/api/openapi.json").data == api.DOCUMENT.read_bytes()


def test_every_route_of_the_api_is_described_and_no_other(app):
    served = {
        (method.lower(), rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == {(method, path) for method, path, _ in OPERATIONS}


def test_every_schema_is_one():
    for name, schema in SCHEMAS.items():
        jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        assert schema.get("additionalProperties") is False or "properties" not in schema, name


def test_every_reference_leads_somewhere_and_everything_is_referred_to():
    text = api.DOCUMENT.read_text()
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in DOCUMENT["components"].items()
        for name in named
    }

    assert components == set(references(json.loads(text)))


def references(words: Any):
    if isinstance(words, dict):
        if "$ref" in words:
            yield words["$ref"]
        words = list(words.values())
    if isinstance(words, list):
        for word in words:
            yield from references(word)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (SCHEMAS["CityWord"]["pattern"], queries.CITY),
        (PARAMETERS["near"]["schema"]["pattern"], queries.POSITION),
    ],
)
def test_what_is_described_is_what_is_read(written, read):
    assert written in {f"^{read.pattern}$", f"^({read.pattern})$"}
    assert queries.WORD_LETTERS == PARAMETERS["film"]["schema"]["maxLength"]


def test_every_city_that_there_is_can_be_asked_for():
    assert all(queries.CITY.fullmatch(city.slug) for city in cities.known())


def test_every_problem_is_described_as_one():
    for _, path, operation in OPERATIONS:
        for code, written in operation["responses"].items():
            response = resolved(written)
            if code >= "400":
                problem = response["content"]["application/problem+json"]["schema"]
                assert {"$ref": "#/components/schemas/Problem"} == problem, path
            assert ("Retry-After" in response.get("headers", {})) == (
                code in {"202", "429", "503"}
            ), (path, code)


def resolved(response: dict[str, Any]) -> dict[str, Any]:
    name = response.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["responses"][name] if name else response


def test_schemathesis_finds_nothing_that_is_not_as_described(house, settings, store, tmp_path):
    screenings = [
        Showtime(
            city=city,
            cinema_id="k",
            cinema_name="Коперник",
            film="odyssey",
            movie={"en": "The Odyssey", "ua": "Одіссея"},
            start_time=datetime.now(UTC) + timedelta(hours=hours),
            price=160,
        )
        for city in ("lviv", "kyiv")
        for hours in range(1, 40)
    ]
    schedule.keep(store.showtimes, screenings, datetime.now(UTC))
    # More looks at once than may be would be refused; how that is told is claimed elsewhere.
    fresh = {"status": "fresh", "last_updated": datetime.now(UTC)}
    store.locations.update_many({"city": {"$nin": ["lviv", "kyiv"]}}, {"$set": fresh})
    with answering() as claude:
        house.env(
            MONGODB_URI=settings.mongodb_uri,
            MONGODB_DATABASE=settings.mongodb_database,
            SECRET_KEY=settings.secret_key,
            ANTHROPIC_API_KEY=KEY,
            ANTHROPIC_BASE_URL=claude.url,
        )
        worker = house.start(str(SOURCE / "main.py"), "--port", str(house.port)).ready()
        report = tried(worker.port, tmp_path)

    assert {"total": 5, "tested": 5, "errored": 0} == {
        name: report["operations"][name] for name in ("total", "tested", "errored")
    }
    assert [] == report["failures"] + report["errors"]
    assert {"success"} == {phase["status"] for phase in report["phases"].values()}
    assert 200 < report["test_cases"]["generated"]
    for operation in report["valid_rates"].values():
        assert 0 < sum(phase["accepted"] for phase in operation.values())


def tried(port: int, directory: Path) -> dict[str, Any]:
    """What schemathesis reports of the site on *port*, after all its checks in all its phases."""
    report = directory / "report.json"
    done = subprocess.run(
        [
            *(str(SCHEMATHESIS), "run", str(api.DOCUMENT), "--url", f"http://127.0.0.1:{port}"),
            *("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"),
            *("--max-examples", "40", "--seed", "1", "--header", "Sec-Fetch-Site: same-origin"),
            *("--request-timeout", "30", "--report", "json", "--report-json-path", str(report)),
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return json.loads(report.read_text())
