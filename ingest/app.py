"""The front door as an aiohttp application.

| path | what it does |
|---|---|
| ``HEAD /intercom/webhooks`` | 200: Intercom's check of the URL |
| ``POST /intercom/webhooks`` | takes a signed webhook |
| ``POST, PUT /v1/partner/intercom/{event,events,user,users}[/]?configName=`` | takes the body of a connector or a Series webhook, by Basic auth |
| ``HEAD`` on those | 200 without credentials: for checks of the URL; it tells no more than this table |
| ``GET /healthz``, ``/readyz``, ``/metrics`` | the process is alive; the broker takes records; Prometheus |

An answer of 200 means that the broker has the record, or the spool where there is one. Whatever else happens has an answer too, with the
same four keys (``ingest.answers``), and never 410.
"""  # noqa: E501 - a table row is one line

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from events.envelope import PARTNER_TOPICS
from ingest import basic_auth, signature
from ingest.answers import Answer, json_answer, refusal_answer
from ingest.body import Room, Share, read_body
from ingest.config import IngestConfig
from ingest.content import require_json
from ingest.errors import (
    BrokerUnavailable,
    Refusal,
    TooBusy,
    Unexpected,
    UnknownPath,
    WrongMethod,
)
from ingest.intake import Accepted, partner_event, partner_sender, webhook_event
from ingest.metrics import Endpoint, IngestMetrics
from ingest.publisher import Publisher
from ingest.sources import FORWARDED_FOR, Gate

log = logging.getLogger(__name__)

WEBHOOKS = "/intercom/webhooks"
PARTNER = "/v1/partner/intercom"

#: A publisher keeps the deadline itself, and then knows that the broker is slow; this much later the
#: front door answers for one that does not.
GUARD_S = 0.2

#: The application's metrics, for who runs it.
METRICS = web.AppKey("metrics", IngestMetrics)

_ENDPOINTS: dict[str | None, Endpoint] = {"webhook": "webhook", "partner": "partner"}


def create_app(
    config: IngestConfig,
    publisher: Publisher,
    *,
    now_ms: Callable[[], int],
    registry: CollectorRegistry | None = None,
) -> web.Application:
    """The application. ``now_ms`` gives the time in ms since the epoch; metrics go to ``registry``."""
    metrics = IngestMetrics(registry or CollectorRegistry(), lambda: publisher.broker_up)
    door = _Door(config, publisher, now_ms, metrics)
    app = web.Application(middlewares=[door.always_answer])
    app[METRICS] = metrics
    kinds = "|".join(sorted(PARTNER_TOPICS))
    webhook = app.router.add_resource(WEBHOOKS, name="webhook")
    webhook.add_route(hdrs.METH_HEAD, door.check)
    webhook.add_route(hdrs.METH_POST, door.webhook)
    partner = app.router.add_resource(f"{PARTNER}/{{kind:{kinds}}}{{slash:/?}}", name="partner")
    partner.add_route(hdrs.METH_HEAD, door.check)
    partner.add_route(hdrs.METH_POST, door.partner)
    partner.add_route(hdrs.METH_PUT, door.partner)
    app.router.add_get("/healthz", door.healthz)
    app.router.add_get("/readyz", door.readyz)
    app.router.add_get("/metrics", door.scrape)
    return app


@dataclass(eq=False, slots=True)
class _Door:
    """The handlers, and what they share."""

    config: IngestConfig
    publisher: Publisher
    now_ms: Callable[[], int]
    metrics: IngestMetrics
    in_work: int = 0
    room: Room = field(init=False)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.room = Room(self.config.max_in_flight_bytes)
        self.gate = Gate(
            allowed=self.config.allowed_sources,
            trusted_proxies=self.config.trusted_proxies,
            per_second=self.config.max_requests_per_source_s,
        )

    async def check(self, request: web.Request) -> web.StreamResponse:
        return Answer(200, name="checked", description="This endpoint is here.")

    async def webhook(self, request: web.Request) -> web.StreamResponse:
        with self._place() as share:
            body = await self._body(request, share)
            event = webhook_event(
                body,
                request.headers.get(signature.HEADER),
                config=self.config,
                received_at=self.now_ms(),
            )
            if event is None:
                return Answer(200, name="ping", description="The webhook works.")
            return await self._publish(event)

    async def partner(self, request: web.Request) -> web.StreamResponse:
        with self._place() as share:
            workspace, config_name = partner_sender(
                request.headers.get(basic_auth.HEADER), request.query.get("configName"), self.config
            )
            body = await self._body(request, share)
            event = partner_event(
                body,
                kind=request.match_info["kind"],
                workspace=workspace,
                config_name=config_name,
                received_at=self.now_ms(),
            )
            return await self._publish(event)

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        return json_answer(200, {"status": "alive"})

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        if not self.publisher.ready:
            reason = "the broker takes no records; events are answered with 429 until it does"
            return json_answer(503, {"status": "not ready", "reason": reason})
        if self.publisher.broker_up and not self.publisher.spooled:
            return json_answer(200, {"status": "ready"})
        reason = f"{self.publisher.spooled} events wait in the spool for the broker"
        return json_answer(200, {"status": "spooling", "reason": reason})

    async def scrape(self, request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=generate_latest(self.metrics.registry), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST}
        )

    @web.middleware
    async def always_answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn every refusal, and every error of ours, into an answer; count and time them all."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        resource = request.match_info.route.resource
        endpoint = _ENDPOINTS.get(resource.name if resource else None, "other")
        headers: dict[str, str] = {}
        try:
            if endpoint != "other" or resource is None:  # health and metrics are for those beside us
                self.gate.admit(request.remote, request.headers.getall(FORWARDED_FOR, ()), started)
            response = await handler(request)
        except Refusal as error:
            refusal = error
        except web.HTTPNotFound:
            refusal = UnknownPath("There is nothing at this path.")
        except web.HTTPMethodNotAllowed as error:
            headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
            refusal = WrongMethod(f"This path takes {error.headers[hdrs.ALLOW]}.")
        except web.HTTPException:
            raise  # aiohttp's own, such as an Expect that nobody can meet
        except Exception as error:  # noqa: BLE001 - the caller gets an answer whatever happens
            refusal = Unexpected("Something went wrong here; the event was not taken.")
            _log_unexpected(endpoint, error)
        else:
            if isinstance(response, Answer):
                self.metrics.answered(endpoint, response.outcome, loop.time() - started)
            return response
        refused = refusal_answer(refusal, retry_after_s=self.config.retry_after_s, headers=headers)
        log.debug("refused a request to %s: %s (request %s)", endpoint, refusal.name, refused.request_id)
        self.metrics.answered(endpoint, refusal.name, loop.time() - started)
        return refused

    async def _body(self, request: web.Request, share: Share) -> bytes:
        require_json(request.headers.get(hdrs.CONTENT_TYPE), request.headers.get(hdrs.CONTENT_ENCODING))
        return await read_body(
            request,
            limit=self.config.max_body_bytes,
            deadline_s=self.config.body_deadline_s,
            share=share,
        )

    async def _publish(self, event: Accepted) -> web.StreamResponse:
        envelope = event.envelope
        try:
            async with asyncio.timeout(self.config.answer_deadline_s + GUARD_S):
                await self.publisher.publish(envelope, event.key)
        except TimeoutError:
            raise BrokerUnavailable("the publisher did not return in time") from None
        self.metrics.published.labels(source=envelope.source.value).inc()
        log.debug("took %r, topic %r", envelope.event_id, envelope.topic)
        return Answer(
            200, name="accepted", description="The event is stored.", request_id=envelope.event_id
        )

    @contextmanager
    def _place(self) -> Iterator[Share]:
        """A place among the requests in work; TooBusy where there is none, before any body is read."""
        if self.in_work >= self.config.max_in_flight:
            raise TooBusy("The event was not taken: too many requests at once. Send it again later.")
        self.in_work += 1
        self.metrics.in_flight.inc()
        share = Share(self.room)
        try:
            yield share
        finally:
            share.leave()
            self.in_work -= 1
            self.metrics.in_flight.dec()


def _log_unexpected(endpoint: Endpoint, error: Exception) -> None:
    """Log the kind and place of an error, not its message: that may hold a piece of the body."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s while answering %s\n%s", type(error).__name__, endpoint, frames)
