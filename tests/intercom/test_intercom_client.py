"""What the client sends, how long it goes on, and what it says when it gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from running_intercom import NOW_S, Clock

from intercom.client import IntercomClient, RetryPolicy
from intercom.config import IntercomConfig
from intercom.errors import (
    IntercomError,
    IntercomRefused,
    IntercomRejected,
    IntercomUnavailable,
    InvalidConfig,
    TransportFailed,
)
from intercom.transport import Method, Response

Reply = Response | TransportFailed


def reply(status: int = 200, document: Any = None, **headers: str) -> Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, told, orjson.dumps(document if document is not None else {}))


def refusal(status: int, code: str, **headers: str) -> Response:
    error = {"code": code, "message": "ada@example.com"}
    return reply(status, {"type": "error.list", "errors": [error]}, **headers)


def told_of(*, limit: int, remaining: int) -> dict[str, str]:
    return {
        "X_RateLimit_Limit": str(limit),
        "X_RateLimit_Remaining": str(remaining),
        "X_RateLimit_Reset": f"{NOW_S + 9:.0f}",
    }


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


NOBODY = reply(200, {"type": "list", "data": []})
DOWN = TransportFailed("no answer within 5 s")


class Script:
    """Replies as told, the last reply over and over; keeps what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: Mapping[str, str] = {}
        self.timeout_s = 0.0

    async def request(
        self,
        method: Method,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Response:
        self.asked.append((method, url, None if body is None else orjson.loads(body)))
        self.headers, self.timeout_s = headers, timeout_s
        following = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(following, TransportFailed):
            raise following
        return following


def client(
    script: Script, clock: Clock | None = None, policy: RetryPolicy | None = None, **settings: Any
) -> IntercomClient:
    clock = clock or Clock()
    return IntercomClient(
        IntercomConfig(**{"access_token": "the-token", **settings}),
        script,
        clock=clock,
        sleep=clock.sleep,
        random=lambda: 0.5,
        policy=policy or RetryPolicy(),
    )


async def test_a_search_as_intercom_documents_it() -> None:
    script = Script(NOBODY)
    found = await client(script, region="eu").find_contact(email="ada@example.com", external_id="x1")
    assert found is None
    filters = [
        {"field": "email", "operator": "=", "value": "ada@example.com"},
        {"field": "external_id", "operator": "=", "value": "x1"},
    ]
    url = "https://api.eu.intercom.io/contacts/search"
    assert script.asked == [("POST", url, {"query": {"operator": "OR", "value": filters}})]
    assert script.headers["Authorization"] == "Bearer the-token"
    assert script.headers["Intercom-Version"] == "2.14"
    assert script.headers["Content-Type"] == "application/json"
    assert script.timeout_s == 5.0


async def test_only_what_is_known_is_searched_for() -> None:
    script = Script(NOBODY)
    asking = client(script)
    await asking.find_contact(external_id="x1", email="")
    [(_, _, document)] = script.asked
    assert [each["field"] for each in document["query"]["value"]] == ["external_id"]
    assert await asking.find_contact() is None
    assert await asking.find_contact(contact_id="email:ada@example.com") is None
    assert await asking.find_contact(contact_id="../me") is None
    assert len(script.asked) == 1


async def test_of_several_hits_the_one_of_this_external_id_counts() -> None:
    hits = [{"id": "l1", "external_id": "lead"}, {"id": "u1", "external_id": "x1"}]
    asking = client(Script(reply(200, {"data": hits})))
    for wanted, found in (("x1", "u1"), ("gone", "l1"), (None, "l1")):
        contact = await asking.find_contact(email="ada@example.com", external_id=wanted)
        assert contact == next(hit for hit in hits if hit["id"] == found)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_contact_merged_away_is_followed_once(status: int) -> None:
    merged = refusal(status, "contact_merged", Link='<https://evil.example/contacts/u2>; rel="canonical"')
    script = Script(merged, reply(200, {"id": "u2"}))
    assert await client(script).find_contact(contact_id="u1") == {"id": "u2"}
    assert [url for _, url, _ in script.asked] == [
        "https://api.intercom.io/contacts/u1",
        "https://api.intercom.io/contacts/u2",
    ]
    script = Script(merged)
    assert await client(script).find_contact(contact_id="u1") is None
    assert len(script.asked) == 2


async def test_who_is_not_found_by_id_is_searched_for_by_what_else_is_known() -> None:
    script = Script(refusal(404, "not_found"), reply(200, {"data": [{"id": "u1"}]}))
    assert await client(script).find_contact(contact_id="old", external_id="x1") == {"id": "u1"}
    assert [method for method, _, _ in script.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("following", "query"),
    [
        ("https://evil.example/contacts/u1/companies?per_page=2&page=2&token=x", "per_page=2&page=2"),
        ({"page": 2, "starting_after": "WzE+fQ=="}, "page=2&starting_after=WzE%2BfQ%3D%3D"),
    ],
)
async def test_all_pages_of_companies_and_always_from_the_same_host(following: Any, query: str) -> None:
    first = {"data": [{"id": "c1"}, "noise"], "pages": {"next": following}}
    script = Script(reply(200, first), reply(200, {"companies": [{"id": "c2"}], "pages": {"next": None}}))
    assert await client(script).companies_of("u1") == [{"id": "c1"}, {"id": "c2"}]
    url = "https://api.intercom.io/contacts/u1/companies"
    assert [asked for _, asked, _ in script.asked] == [url, f"{url}?{query}"]


async def test_pages_in_a_circle_are_not_taken_for_all() -> None:
    page = {"data": [{"id": "c1"}], "pages": {"next": "https://x.example/?page=2"}}
    script = Script(reply(200, page))
    with pytest.raises(IntercomUnavailable, match="do not end"):
        await client(script).companies_of("u1")
    assert len(script.asked) == 2


async def test_a_passing_fault_is_tried_a_few_times_with_jitter() -> None:
    clock = Clock()
    script = Script(DOWN, reply(503), reply(200, []), reply(200, {"id": "c1"}))
    assert await client(script, clock).company("c1") == {"id": "c1"}
    assert clock.slept == [0.125, 0.25, 0.5]  # half of 0.25, 0.5, 1

    script = Script(refusal(500, "server_error"))
    with pytest.raises(IntercomUnavailable, match="no answer in 4 tries: 500 server_error") as caught:
        await client(script).company("c1")
    assert len(script.asked) == 4
    assert "example.com" not in str(caught.value)


async def test_no_wait_begins_that_would_end_after_the_patience() -> None:
    clock = Clock()
    policy = RetryPolicy(attempts=100, base_s=4, cap_s=4, patience_s=7)
    with pytest.raises(IntercomUnavailable, match="no answer in 4 tries"):
        await client(Script(DOWN), clock, policy).me()
    assert clock.now_s == NOW_S + 6


async def test_over_the_rate_it_waits_for_the_reset_and_not_for_ever() -> None:
    clock = Clock()
    limited = refusal(429, "rate_limit_exceeded", X_RateLimit_Reset=f"{NOW_S + 9:.0f}")
    assert await client(Script(limited, reply(200, {"id": "1"})), clock).me() == {"id": "1"}
    assert clock.slept == [9.125]

    clock = Clock()
    with pytest.raises(IntercomUnavailable, match="rate limit"):
        await client(Script(refusal(429, "rate_limit_exceeded")), clock).me()
    assert NOW_S + 15 <= clock.now_s <= NOW_S + 20


@pytest.mark.parametrize(
    ("status", "code", "setting"),
    [
        (401, "unauthorized", "access_token"),
        (403, "api_plan_restricted", "access_token"),
        (301, "", "region"),
        (400, "intercom_version_invalid", "api_version"),
    ],
)
async def test_a_refusal_names_the_setting_and_is_not_repeated(
    status: int, code: str, setting: str
) -> None:
    script = Script(refusal(status, code))
    with pytest.raises(IntercomRefused, match=rf"^{setting}: .*\({status}") as caught:
        await client(script).me()
    assert caught.value.setting == setting
    assert len(script.asked) == 1
    assert "the-token" not in str(caught.value)
    assert "example.com" not in str(caught.value)


async def test_a_request_that_is_rejected_says_nothing_of_whom_it_was_about() -> None:
    with pytest.raises(IntercomRejected) as caught:
        await client(Script(refusal(422, "data_invalid"))).find_contact(email="ada@example.com")
    assert str(caught.value) == "Intercom rejected the request (422 data_invalid)"


async def test_no_api_at_the_address_is_a_matter_of_settings() -> None:
    with pytest.raises(IntercomRefused, match=r"^base_url: "):
        await client(Script(reply(404))).me()
    with pytest.raises(IntercomRefused, match=r"^api_version: "):
        await client(Script(reply(404))).ticket_states()


async def test_an_object_without_an_id_is_no_answer() -> None:
    for ask in (
        client(Script(reply())).company("c1"),
        client(Script(reply())).find_contact(contact_id="u1"),
    ):
        with pytest.raises(IntercomUnavailable, match="without the id"):
            await ask


@pytest.mark.parametrize(
    ("answer", "error"), [(DOWN, IntercomUnavailable), (refusal(401, "unauthorized"), IntercomRefused)]
)
async def test_after_failures_in_a_row_intercom_is_left_alone_for_a_while(
    answer: Reply, error: type[IntercomError]
) -> None:
    clock = Clock()
    script = Script(answer)
    asking = client(script, clock, RetryPolicy(attempts=1, rest_after=2, rest_s=15))
    for _ in range(5):
        with pytest.raises(error):
            await asking.company("c1")
    assert len(script.asked) == 2
    clock.now_s += 15
    script.replies = [reply(200, {"id": "c1"})]
    assert await asking.company("c1") == {"id": "c1"}


async def test_only_failures_in_a_row_count_and_the_last_one_says_what_it_is_about() -> None:
    clock = Clock()
    answered, rejected = reply(200, {"id": "c1"}), refusal(422, "data_invalid")
    script = Script(DOWN, answered, DOWN, rejected, refusal(401, "unauthorized"), DOWN)
    asking = client(script, clock, RetryPolicy(attempts=1, rest_after=2), max_concurrent=1)
    outcomes = await asyncio.gather(*(asking.company("c1") for _ in range(8)), return_exceptions=True)
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [
        IntercomUnavailable,
        dict,
        IntercomUnavailable,
        IntercomRejected,
        IntercomRefused,
        *[IntercomUnavailable] * 3,
    ]
    assert "not asked again yet" in str(outcomes[-1])
    assert len(script.asked) == 6


async def test_what_intercom_never_made_is_no_id_and_not_asked_for() -> None:
    script = Script(reply(200, {"id": "1", "data": [{"id": "1"}]}))
    assert await client(script).company("../me") is None
    assert await client(script).companies_of("../me?x=") == []
    assert script.asked == []


async def test_no_more_questions_are_under_way_than_allowed() -> None:
    arrived: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    class Held(Script):
        async def request(self, *args: Any, **kwargs: Any) -> Response:
            release = asyncio.Event()
            arrived.put_nowait(release)
            await release.wait()
            return reply(200, {"id": "c1"})

    asking = client(Held(), max_concurrent=3)
    questions = [asyncio.create_task(asking.company(f"c{n}")) for n in range(7)]
    under_way = [await arrived.get() for _ in range(3)]
    for left in range(7, 0, -1):
        await settle()
        assert arrived.empty()
        under_way.pop().set()
        if left > 3:
            under_way.append(await arrived.get())
    assert len(await asyncio.gather(*questions)) == 7


async def test_a_question_that_is_cancelled_leaves_its_place() -> None:
    class Holding(Script):
        holds = True

        async def request(self, *args: Any, **kwargs: Any) -> Response:
            if self.holds:
                await asyncio.Event().wait()
            return await super().request(*args, **kwargs)

    clock = Clock()
    script = Holding(reply(200, {"id": "1"}, **told_of(limit=4, remaining=2)))
    asking = client(script, clock, max_concurrent=1)
    for _ in range(3):
        question = asyncio.create_task(asking.me())
        await settle()
        question.cancel()
        await settle()
    script.holds = False
    for _ in range(2):  # three calls still counted as being out would leave no room for the second
        await asking.me()
    assert clock.slept == []


async def test_every_call_is_told_by_its_name_without_ids() -> None:
    seen = []
    clock = Clock()
    asking = IntercomClient(
        IntercomConfig("the-token"),
        Script(DOWN, refusal(404, "not_found"), NOBODY),
        clock=clock,
        sleep=clock.sleep,
        random=lambda: 0.0,
        observe=lambda call, status: seen.append((call, status)),
    )
    await asking.find_contact(contact_id="u1", email="ada@example.com")
    assert seen == [
        ("GET /contacts/{id}", 0),
        ("GET /contacts/{id}", 404),
        ("POST /contacts/search", 200),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("access_token", ""),
        ("access_token", "secret\r\nX: y"),
        ("region", "US"),
        ("base_url", "api.intercom.io"),
        ("base_url", "https://user:secret@api.intercom.io"),
        ("api_version", "latest"),
        ("timeout_s", 0.0),
        ("max_concurrent", 0),
    ],
)
def test_settings_that_cannot_work_are_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=f"^{field}: ") as caught:
        IntercomConfig(**{"access_token": "the-token", field: value})
    assert "secret" not in str(caught.value)


def test_the_token_is_not_in_the_repr() -> None:
    assert "the-token" not in repr(IntercomConfig("the-token"))
