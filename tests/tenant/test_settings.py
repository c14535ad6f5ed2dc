"""
Claims about what the owner of the site may settle in `.env`.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from showtimes.settings import Gathering, Settings, SettingsError

pytestmark = pytest.mark.tenant

NEEDED = {"MONGODB_URI": "mongodb://x", "MONGODB_DATABASE": "x", "SECRET_KEY": "x"}
SAID = {
    "LOCK_TIMEOUT": "60",
    "AGENT_DEADLINE": "90",
    "AGENT_MODEL": "claude-sonnet-5-5",
    "AGENT_EFFORT": "high",
    "AGENT_SEARCHES": "0",
    "AGENT_FETCHES": "20",
    "AGENT_PAGE_TOKENS": "500",
    "TICKET_HOSTS": "kino.example, tickets.kino.example,",
    "AI_DAILY_USD": "2.5",
    "AI_RUN_USD": "0.25",
    "AI_STARTS_PER_HOUR": "0",
    "AGENT_PARALLEL": "4",
    "MIN_AGE": "3600",
}


def read(**words: str) -> Settings:
    return Settings.read({**NEEDED, **words})


def faults(**words: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.read({**NEEDED, **words})
    return str(caught.value)


def test_what_is_not_said_is_as_usual():
    assert Gathering() == read().gathering
    assert Gathering() == read(**dict.fromkeys(SAID, "")).gathering


def test_everything_that_can_be_said_is_heard():
    expected = Gathering(
        lock_seconds=60,
        deadline=90,
        model="claude-sonnet-5-5",
        effort="high",
        searches=0,
        fetches=20,
        page_tokens=500,
        hosts=("kino.example", "tickets.kino.example"),
        daily_usd=2.5,
        run_usd=0.25,
        starts_an_hour=0,
        parallel=4,
        min_age=timedelta(hours=1),
    )

    assert expected == read(**SAID).gathering


@pytest.mark.parametrize(
    ("name", "words", "rule"),
    [
        ("LOCK_TIMEOUT", "5 min", "must be a whole number of seconds from 5 to 3600"),
        ("LOCK_TIMEOUT", "4", "must be a whole number of seconds from 5 to 3600"),
        ("AGENT_DEADLINE", "3601", "must be a whole number of seconds from 5 to 3600"),
        ("AGENT_SEARCHES", "11", "must be a whole number from 0 to 10"),
        ("AGENT_FETCHES", "0", "must be a whole number from 1 to 20"),
        ("AGENT_PAGE_TOKENS", "6_000", "must be a whole number from 500 to 50000"),
        ("AI_STARTS_PER_HOUR", "-1", "must be a whole number from 0 to 10000"),
        ("AGENT_PARALLEL", "21", "must be a whole number from 1 to 20"),
        ("MIN_AGE", "٣", "must be a whole number of seconds from 0 to 604800"),
        ("AI_DAILY_USD", "$1", "must be an amount of US dollars from 0 to 1000, such as 1.00"),
        ("AI_DAILY_USD", "nan", "must be an amount of US dollars from 0 to 1000, such as 1.00"),
        ("AI_RUN_USD", "0", "must be an amount of US dollars from 0.01 to 100, such as 0.10"),
        ("AGENT_EFFORT", "max", "must be one of low, medium, high"),
        ("TICKET_HOSTS", "a.example b.example", "must be names of hosts in small letters, with"),
        ("TICKET_HOSTS", "https://a.example", "must be names of hosts in small letters, with"),
        ("TICKET_HOSTS", "127.0.0.1", "must be names of hosts in small letters, with commas"),
        ("ANTHROPIC_BASE_URL", "http://api.example", "must begin with https://, or lead to this"),
        ("ANTHROPIC_BASE_URL", "http://localhost.example", "must begin with https://, or lead"),
        ("ANTHROPIC_API_KEY", "sk ant", "must be one word of ASCII letters, digits and signs"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_rule_and_without_its_value(name, words, rule):
    said = faults(**{name: words})

    assert said.startswith(f"{name} {rule}")
    assert f"`{words}`" not in said


def test_a_model_without_a_price_is_refused_since_no_budget_could_hold_it():
    assert "AGENT_MODEL must be one of claude-haiku-5-5, claude-haiku-4-5," in faults(
        AGENT_MODEL="claude-nobody"
    )


def test_a_run_that_the_day_could_never_pay_is_refused():
    told = "AI_RUN_USD must not be more than AI_DAILY_USD, or no run ever starts"

    assert told == faults(AI_DAILY_USD="0.05")
    assert 0 == read(AI_DAILY_USD="0").gathering.daily_usd


def test_all_faults_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        Settings.read({"SECRET_KEY": "x", "MIN_AGE": "old", "AGENT_PARALLEL": "many"})

    assert str(caught.value) == (
        "`.env` does not set MONGODB_URI, MONGODB_DATABASE"
        "; AGENT_PARALLEL must be a whole number from 1 to 20"
        "; MIN_AGE must be a whole number of seconds from 0 to 604800"
    )


@pytest.mark.parametrize(
    "url", ["https://gateway.example/v1", "http://127.0.0.1:8080", "http://localhost:8080/x"]
)
def test_another_api_is_spoken_to_over_tls_or_on_this_machine(url):
    assert url == read(ANTHROPIC_BASE_URL=url).anthropic_base_url


def test_no_secret_is_shown_when_settings_are_printed():
    shown = repr(read(ANTHROPIC_API_KEY="sk-ant-secret", ANTHROPIC_BASE_URL="https://u:p@x"))

    assert "secret" not in shown.replace("secret_key", "")
    assert "u:p" not in shown
