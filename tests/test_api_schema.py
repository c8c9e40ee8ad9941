"""The API described: the schema is right, complete and public, and every answer is as it says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from django.core import signals
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from preferences.models import ApiKey, Brand, Topic
from tests import bodies
from tests.conftest import SAMPLE_TIME
from tests.programs import LISTS, Program

URL = "/api/v1/schema/"
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, negative_data_rejection, missing_required_header, unsupported_method, ignored_auth,
]  # fmt: skip


DOCUMENT = json.loads(OpenApiJsonRenderer().render(SchemaGenerator().get_schema(request=None, public=True)))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return DOCUMENT


def test_it_is_valid_and_nothing_is_left_to_guess(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))

    assert yaml.safe_load((tmp_path / "schema.yaml").read_text())["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("*/*", "", "application/vnd.oai.openapi"), ("application/json", "", "application/json"),
        ("application/yaml", "", "application/yaml"), ("*/*", "?format=json", "application/vnd.oai.openapi+json"),
    ],
)  # fmt: skip
def test_it_is_public_in_both_spellings(accept, query, content_type, client, db):
    response = client.get(URL + query, headers={"Accept": accept})

    read = json.loads if "json" in content_type else yaml.safe_load
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (200, content_type)
    assert set(read(response.content)["paths"]) >= {f"/api/v1/{name}/" for name in (*LISTS, "eligibility", "decisions")}
    assert "public" in response["Cache-Control"]


def test_it_asks_for_a_key_everywhere(document):
    scheme = document["components"]["securitySchemes"]["ApiKey"]

    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["security"] == [{"ApiKey": []}]


def test_it_explains_every_field_and_parameter(document):
    silent = [name for schema in document["components"]["schemas"].items() for name in _silent(*schema)]
    silent += [
        f"{operation['operationId']}.{parameter['name']}"
        for methods in document["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description") and parameter["in"] != "path"
    ]

    assert silent == []


def _silent(name: str, schema: dict[str, Any]) -> Iterator[str]:
    for field, one in schema.get("properties", {}).items():
        if not one.get("description"):
            yield f"{name}.{field}"


def test_every_operation_has_words_and_problems(document):
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"] and operation["description"]
            assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
            assert "application/problem+json" in operation["responses"]["400"]["content"]


# Every answer is as the schema says -----------------------------------------------------------------------------------


@pytest.fixture
def key(acme: Brand, receive: Any) -> Iterator[str]:
    """A key that may do everything, and something in every list."""
    Topic.objects.create(brand=acme, slug="spring", name="Spring sale")
    receive(
        *[bodies.message(text, phone=f"+4477009005{index:02d}", at=SAMPLE_TIME)
          for index, text in enumerate(["STOP", "START", "if this goes on I will unsubscribe", "HELP", "hello"])],
        bodies.switched("stop", phone="+447700900599", at=SAMPLE_TIME),
        now=SAMPLE_TIME,
    )  # fmt: skip
    program = Program()
    program.decide({"recipient": bodies.ALICE, "action": "opt_out", "effective_at": timezone.now().isoformat()})
    ApiKey.objects.update(requests_per_minute=1_000_000)
    # The application would close the connection of the test's transaction; Django's own client, used above, sees to that.
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield program.key
    for end in ends:
        end.connect(close_old_connections)


schema = schemathesis.openapi.from_dict(DOCUMENT)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # static files are collected for production only
    schema.app = get_wsgi_application()


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_schema_says(case, key):
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Api-Key {key}"})
