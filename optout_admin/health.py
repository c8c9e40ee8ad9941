"""What machines ask about the desk: is it alive, is it ready, and the numbers. Never personal data."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from preferences import status
from preferences.signing import is_same_token
from reports import alarms, rules

#: A proxy adds one of these, and then the nearest address is the proxy's and says nothing about who asks.
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA")


@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else, so a dead database never gets it restarted."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """503 only when nothing can be done: no database, or one that is behind. What is merely late is told and stays 200."""
    try:
        missing = status.missing_migrations()
        if missing:
            return _unavailable(f"The database is behind by {len(missing)} migrations: run `manage.py migrate`.")
        degraded = status.pulse(timezone.now()).degraded()
    except (status.DatabaseUnavailableError, DatabaseError):
        return _unavailable("The database does not answer.")
    return JsonResponse({"status": "degraded", "degraded": degraded} if degraded else {"status": "ready"})


def _unavailable(sentence: str) -> JsonResponse:
    return JsonResponse({"status": "unavailable", "reason": sentence}, status=HTTPStatus.SERVICE_UNAVAILABLE)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for this machine or with `Authorization: Bearer <METRICS_TOKEN>`."""
    if not (_has_token(request) or _is_local(request)):
        return _plain("Set METRICS_TOKEN and send it as a bearer token.", HTTPStatus.FORBIDDEN)
    registry = CollectorRegistry()
    registry.register(DeskCollector())
    try:
        text = generate_latest(registry)
    except DatabaseError:
        return _plain("The database does not answer.", HTTPStatus.SERVICE_UNAVAILABLE)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower() == "bearer" and is_same_token(token.strip(), [settings.METRICS_TOKEN])


def _is_local(request: HttpRequest) -> bool:
    """Asked on this machine, and not by a proxy on this machine for somebody else."""
    if settings.SECURE_PROXY_SSL_HEADER or any(name in request.META for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _plain(text: str, code: HTTPStatus) -> HttpResponse:
    return HttpResponse(text, status=code, content_type="text/plain; charset=utf-8")


class DeskCollector(Collector):
    """Reads the tables when asked, so that every process tells the same numbers."""

    def describe(self) -> list[Metric]:
        """Nothing: otherwise registering would already ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        facts = status.gather(timezone.now())
        lanes = facts.lanes.items()
        limit = f"Counting stops above {status.COUNT_LIMIT}."
        yield _open_alarms()
        yield _gauge("optout_inbox_oldest_unread_seconds", "Age of the oldest unread webhook.", "lane",
                     {lane: one.oldest.total_seconds() for lane, one in lanes})  # fmt: skip
        yield _gauge("optout_inbox_unread", f"Webhooks not read yet. {limit}", "lane",
                     {lane: one.waiting for lane, one in lanes})  # fmt: skip
        yield _gauge("optout_inbox_failing", f"Webhooks that cannot be read. {limit}", "lane",
                     {lane: one.failing for lane, one in lanes})  # fmt: skip
        yield _gauge("optout_outbox_unfinished", f"Deliveries on their way. {limit}", "state", facts.unfinished)
        yield _gauge("optout_outbox_failed_last_day",
                     f"Deliveries of the last day, at most the newest {status.SAMPLE}, that did not arrive for certain.",
                     "state", facts.failed)  # fmt: skip
        yield GaugeMetricFamily("optout_outbox_oldest_due_seconds", "How long the oldest due delivery has been due.",
                                facts.oldest_due.total_seconds())  # fmt: skip
        yield GaugeMetricFamily("optout_ledger_position", "Position of the newest consent event.", facts.position)
        yield GaugeMetricFamily("optout_ledger_sealed_position", "Position of the newest sealed event.",
                                facts.sealed_position)  # fmt: skip
        yield GaugeMetricFamily("optout_opt_outs_without_phone", "Newest opt-outs of people whose phone is not known.",
                                facts.unknown_phones)  # fmt: skip
        yield GaugeMetricFamily("optout_broker_reachable", "1 if the broker answers.", facts.pulse.is_broker_reachable)
        # Absent until there is one: an age of something that never was would be a lie.
        if facts.seal_age is not None:
            yield GaugeMetricFamily("optout_ledger_last_seal_age_seconds", "Age of the newest seal.",
                                    facts.seal_age.total_seconds())  # fmt: skip
        if facts.pulse.heartbeat_age is not None:
            yield GaugeMetricFamily("optout_worker_heartbeat_age_seconds", "Since the worker was last seen.",
                                    facts.pulse.heartbeat_age.total_seconds())  # fmt: skip


def _open_alarms() -> Metric:
    """Each kind is there, also with none open, so that a rule about it can be written before the first."""
    counts = {(kind.value, severity.value): 0 for kind, severity in rules.SEVERITIES.items()}
    for alarm in alarms.standing(timezone.now()):
        counts[alarm.kind, alarm.severity] = counts.get((alarm.kind, alarm.severity), 0) + 1
    family = GaugeMetricFamily("optout_open_alarms", "Open alarms.", labels=["kind", "severity"])
    for labels, number in counts.items():
        family.add_metric(labels, number)
    return family


def _gauge(name: str, text: str, label: str, values: dict[str, int] | dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
