"""What every address of the API does: problems, limits, caching."""

from __future__ import annotations

import json
import logging
import time

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from redis.exceptions import ConnectionError as CacheDownError

from preferences.api import limits
from preferences.models import ApiKey
from tests import bodies
from tests.conftest import SAMPLE_TIME
from tests.problems import is_problem
from tests.programs import LISTS, Program

LARGE = 10 * 1024 * 1024


@pytest.fixture
def program(acme):
    return Program()


@pytest.fixture(autouse=True)
def _working_cache(monkeypatch):
    monkeypatch.setattr(limits, "_counter", limits._Counter())


def knock(program, method, path, body=b"", content_type="application/json", **headers):
    headers = {"Authorization": f"Api-Key {program.key}", **headers}
    client = Client(raise_request_exception=False)
    return client.generic(method, f"/api/v1/{path}", body, content_type=content_type, headers=headers)


# Problems -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["", "nothing/", "eligibility", "events/1/", "subscribers/x/", "\x00/", "é/", "../v2/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_it_says_that_an_address_is_none(path, method, program):
    assert is_problem(knock(program, method, path), 404, "not_found")
    assert is_problem(Client().generic(method, f"/api/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize("path", ["eligibility/", "decisions/"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_it_answers_no_other_method(path, method, program):
    response = knock(program, method, path)

    assert response.status_code == 405
    assert method == "HEAD" or is_problem(response, 405, "method_not_allowed")
    assert response["Allow"].startswith("POST")


@pytest.mark.parametrize("path", [*(f"{name}/" for name in LISTS), "eligibility/", "decisions/"])
def test_it_serves_json_only(path, program):
    method = "POST" if path in {"eligibility/", "decisions/"} else "GET"

    assert is_problem(knock(program, method, path, b"{}", Accept="text/csv"), 406, "not_acceptable")
    assert is_problem(knock(program, method, path + "?format=xml", b"{}"), 404, "not_found")


@pytest.mark.parametrize("path", ["eligibility/", "decisions/"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_it_reads_json_only(path, content_type, program):
    response = knock(program, "POST", path, b'{"recipients": []}', content_type, **{"Idempotency-Key": "key"})

    assert is_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["eligibility/", "decisions/"])
def test_it_refuses_ten_megabytes(path, program):
    body = json.dumps({"recipients": ["x" * LARGE]}).encode()
    started = time.monotonic()

    response = knock(program, "POST", path, body, **{"Idempotency-Key": "key"})

    assert is_problem(response, 413, "too_large")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'{"recipients": ["\xed\xa0\x80"]}', b'{"a": 1e999}', b"1" * 6000, b'{"a": NaN}']
)
@pytest.mark.parametrize("path", ["eligibility/", "decisions/"])
def test_it_refuses_bytes_that_are_no_json(path, body, program):
    assert is_problem(knock(program, "POST", path, body, **{"Idempotency-Key": "key"}), 400, "invalid")


def test_a_bug_is_a_problem_too_and_logged(program, monkeypatch, caplog):
    monkeypatch.setattr("preferences.eligibility.position", _raise(RuntimeError(f"about {bodies.BILAL}")))

    with caplog.at_level(logging.ERROR):
        response = program.get("events")

    assert is_problem(response, 500, "error")
    assert bodies.BILAL not in response.content.decode()
    assert [record.exc_info[0] for record in caplog.records if record.name == "preferences.api.problems"] == [
        RuntimeError
    ]


@pytest.mark.parametrize("where", ["preferences.eligibility.position", "preferences.api.authentication.timezone.now"])
def test_it_says_when_the_database_is_away(where, program, monkeypatch):
    monkeypatch.setattr(where, _raise(OperationalError("gone")))

    response = program.get("events")

    assert is_problem(response, 503, "unavailable")
    assert int(response["Retry-After"]) > 0


def _raise(error):
    def run(*args, **kwargs):
        raise error

    return run


# Limits ---------------------------------------------------------------------------------------------------------------


def test_it_limits_each_key(program, acme):
    ApiKey.objects.update(requests_per_minute=3)
    other = Program("events:read")

    responses = [program.get("events") for _ in range(5)]

    statuses = [response.status_code for response in responses]
    assert statuses == [200, 200, 200, 429, 429] or 200 in statuses[3:]  # a minute may end in between
    assert is_problem(responses[-1], 429, "too_many_requests") or responses[-1].status_code == 200
    assert other.get("events").status_code == 200


def test_it_says_what_is_left(program, monkeypatch):
    monkeypatch.setattr(limits.time, "time", lambda: 1_800_000_020.0)
    ApiKey.objects.update(requests_per_minute=2)

    first, second, third, fourth = (program.get("events") for _ in range(4))

    assert first["RateLimit-Policy"] == '"key";q=2;w=60'
    assert [one["RateLimit"] for one in (first, second, third)] == [
        '"key";r=1;t=40',
        '"key";r=0;t=40',
        '"key";r=0;t=40',
    ]
    assert is_problem(third, 429, "too_many_requests")
    assert third["Retry-After"] == fourth["Retry-After"] == "40"


def test_it_counts_anew_each_minute(program, monkeypatch):
    ApiKey.objects.update(requests_per_minute=1)
    monkeypatch.setattr(limits.time, "time", lambda: 1_800_000_059.0)
    assert [program.get("events").status_code for _ in range(2)] == [200, 429]

    monkeypatch.setattr(limits.time, "time", lambda: 1_800_000_060.0)

    assert program.get("events").status_code == 200


def test_it_limits_nobody_while_the_cache_is_away(program, monkeypatch, caplog):
    ApiKey.objects.update(requests_per_minute=1)
    monkeypatch.setattr(cache, "add", _raise(CacheDownError("refused")), raising=False)

    with caplog.at_level(logging.WARNING, logger="preferences.api.limits"):
        responses = [program.get("events") for _ in range(5)]

    assert [one.status_code for one in responses] == [200] * 5
    assert "RateLimit" not in responses[0]
    assert len([record for record in caplog.records if record.name == "preferences.api.limits"]) == 1


def test_it_leaves_a_broken_cache_alone_for_a_while(program, monkeypatch):
    calls = []
    monkeypatch.setattr(
        cache, "add", lambda *args: calls.append(args) or _raise(CacheDownError("refused"))(), raising=False
    )

    for _ in range(5):
        program.get("events")

    assert len(calls) == 1


def test_it_asks_no_cache_whether_it_may_send(acme, receive, ask, monkeypatch):
    ask(bodies.BILAL)
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)
    monkeypatch.setattr(cache, "get", _raise(AssertionError("nobody reads the cache")), raising=False)

    assert ask(bodies.BILAL)["reason"] == "opted_out"


@pytest.mark.redis
def test_it_counts_in_redis_where_there_is_one(program):
    """The limit holds across processes: another connection sees the count."""
    program.get("events")

    names = [name.decode() for name in cache._cache.get_client().scan_iter("optout:*rate:*")]
    assert any(program.key.split("_")[1] in name for name in names)


# Caching --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", LISTS)
def test_it_answers_304_where_nothing_changed(resource, program, receive):
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)
    first = program.get(resource)

    same = program.get(resource, headers={"If-None-Match": first["ETag"]})
    receive(bodies.message("START", at=SAMPLE_TIME + bodies.HOUR), now=SAMPLE_TIME + bodies.HOUR)
    changed = program.get(resource, headers={"If-None-Match": first["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert same["ETag"] == first["ETag"]
    assert (changed.status_code, changed["ETag"] != first["ETag"]) == (200, True)


def test_it_keeps_answers_out_of_shared_caches(program, receive):
    receive(bodies.message("STOP", at=SAMPLE_TIME), now=SAMPLE_TIME)

    read, refused = program.get("events"), program.get("events", limit=0)
    decided = program.decide({"recipient": bodies.BILAL, "action": "opt_out", "brand": "acme"})

    assert read["Cache-Control"] == "private, no-cache"
    assert refused["Cache-Control"] == decided["Cache-Control"] == "private, no-store"
    assert "Authorization" in read["Vary"]


def test_head_needs_what_get_needs(program, acme):
    assert knock(program, "HEAD", "events/").status_code == 200
    assert knock(Program("consents:read"), "HEAD", "events/").status_code == 403


def test_it_limits_eligibility_too(program, acme, monkeypatch):
    monkeypatch.setattr(limits.time, "time", lambda: 1_800_000_020.0)
    ApiKey.objects.update(requests_per_minute=1)

    first, second = (knock(program, "POST", "eligibility/", b'{"recipients": []}') for _ in range(2))

    assert first.status_code == 200
    assert is_problem(second, 429, "too_many_requests")
