from __future__ import annotations

import base64
from collections.abc import Mapping

import orjson
import pytest

from moengage.answers import Answer, Verdict
from moengage.client import MoEngageClient, MoEngageConfig
from moengage.errors import InvalidConfig, TransportFailed
from moengage.transport import Response


class Recorder:
    """Answers as told and keeps what was asked."""

    def __init__(self, answer: Response | TransportFailed) -> None:
        self.answer = answer
        self.calls: list[tuple[str, bytes, dict[str, str], float]] = []

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Response:
        self.calls.append((url, body, dict(headers), timeout_s))
        if isinstance(self.answer, TransportFailed):
            raise self.answer
        return self.answer


OK = Response(200, {}, b'{"status":"success"}')


def client(recorder: Recorder, **settings: str) -> MoEngageClient:
    config = MoEngageConfig("WS/1", "the-key", **settings)  # type: ignore[arg-type]
    return MoEngageClient(config, recorder, lambda: 1_767_225_600.0)


async def test_a_bulk_request_as_moengage_documents_it() -> None:
    recorder = Recorder(OK)
    answer = await client(recorder, data_center="101").transition([b'{"a":1}', b'{"b":2}'])
    assert answer.verdict is Verdict.ACCEPTED
    [(url, body, headers, timeout_s)] = recorder.calls
    assert url == "https://api-101.moengage.com/v1/transition/WS%2F1"
    assert body == b'{"type":"transition","elements":[{"a":1},{"b":2}]}'
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"WS/1:the-key").decode()
    assert headers["Content-Type"] == "application/json"
    assert "MOE-APPKEY" not in headers
    assert timeout_s == 10.0


async def test_merges_and_deletes_name_the_workspace_in_the_query() -> None:
    recorder = Recorder(OK)
    caller = client(recorder, data_center="02")
    await caller.merge(b'{"merge_data":[]}')
    await caller.delete(b"{}")
    assert [(url, body) for url, body, *_ in recorder.calls] == [
        ("https://api-02.moengage.com/v1/customer/merge?app_id=WS%2F1", b'{"merge_data":[]}'),
        ("https://api-02.moengage.com/v1/customer/delete?app_id=WS%2F1", b"{}"),
    ]
    assert recorder.calls[0][2]["Authorization"].startswith("Basic ")


async def test_a_user_who_is_not_there_is_no_wrong_address() -> None:
    missing = Recorder(Response(404, {}, b"{}"))
    assert (await client(missing).merge(b"{}")).verdict is Verdict.REFUSED
    assert (await client(missing).delete(b"{}")).verdict is Verdict.REFUSED
    assert (await client(missing).transition([b"{}"])).verdict is Verdict.PAUSE


async def test_the_connection_test_names_workspace_and_region() -> None:
    recorder = Recorder(OK)
    await client(recorder, data_center="03", base_url="http://127.0.0.1:8086/").test_connection()
    [(url, body, headers, _)] = recorder.calls
    assert url == "http://127.0.0.1:8086/v1/integrations/authentication"
    assert orjson.loads(body) == {
        "app_id": "WS/1",
        "app_secret": "the-key",
        "source": "moebridge",
        "region": "03",
    }
    assert headers["MOE-APPKEY"] == "WS/1"


@pytest.mark.parametrize("ambiguous", [True, False])
async def test_a_call_without_an_answer_is_to_be_made_again(ambiguous: bool) -> None:
    recorder = Recorder(TransportFailed("no answer within 10 s", ambiguous=ambiguous))
    assert await client(recorder).transition([b"{}"]) == Answer(
        Verdict.AGAIN, 0, message="no answer within 10 s", ambiguous=ambiguous
    )


async def test_what_moengage_repeats_of_the_credentials_is_not_passed_on() -> None:
    token = base64.b64encode(b"WS/1:the-key").decode()
    body = orjson.dumps({"error": {"message": f"bad key the-key in Basic {token}"}})
    answer = await client(Recorder(Response(401, {}, body))).transition([b"{}"])
    assert answer.message == "bad key [secret] in Basic [secret]"


def test_the_key_is_not_in_the_repr() -> None:
    assert "the-key" not in repr(MoEngageConfig("WS1", "the-key"))


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("workspace_id", {"workspace_id": ""}),
        ("workspace_id", {"workspace_id": "a:b"}),
        ("api_key", {"api_key": ""}),
        ("data_center", {"data_center": "07"}),
        ("base_url", {"base_url": "api-01.moengage.com"}),
        ("base_url", {"base_url": "https://user:the-key@api-01.moengage.com"}),
        ("timeout_s", {"timeout_s": 0.0}),
    ],
)
def test_settings_that_cannot_work_are_named(field: str, settings: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig, match=f"^{field}: ") as caught:
        MoEngageConfig(**{"workspace_id": "WS1", "api_key": "the-key", **settings})  # type: ignore[arg-type]
    assert "the-key" not in str(caught.value)
