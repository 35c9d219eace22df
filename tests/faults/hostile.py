"""Requests that nobody would send who means well, made by hand, from a seed.

Most carry a right signature or right credentials, so that they get as far as they can.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from raw_http import Request, http

from ingest.basic_auth import basic_header
from ingest.signature import HEADER, sign

WEBHOOKS = "/intercom/webhooks"
PARTNER = "/v1/partner/intercom/user"
JSON = ("Content-Type", "application/json")


#: JSON, nearly, by what is odd about it: a value of a good notification, or a body of its own.
ODD_VALUES = {
    "NaN, odd numbers": [
        "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "9" * 5000, "-" + "9" * 30, "0x10",
        "01", ".5", "1.", "-", "+1", "1e", "-0", "0.1e+308",
    ],
    "lone surrogates": [
        '"\\ud800"', '"\\udfff\\ud800"', '{"\\ud800": 1}', '"a\\udc00b"',
        '"\ud800"', '{"\udc00": "\udbff"}',
    ],
    "duplicate keys": [
        '{"a": 1, "a": 2}', '{"id": "1", "id": {}}', '{"a": {"b": 1}, "a": {"b": [1], "b": null}}',
        '{"topic": "ping", "topic": "contact.x", "data": {"item": {}}, "data": {"item": 1}}',
    ],
    "odd JSON": [
        "", " ", "null", "true", "0", '""', "[]", "{}", "[{}]", "{]", '{"a"}', "{'a': 1}", '"\\u12"',
        '"\\x41"', '"\t"', '"\0"', '{"a": 1,}', '{"a": 1}{"b": 2}', "//\n{}", "\ufeff{}", "\u2028",
        '{"__proto__": {"x": 1}}', '{"topic": "ping"}', '{"": {"": ""}}', '"\\u0000"', "undefined",
        '{"topic": "ping", "data": ' + "[" * 200 + "]" * 200 + "}",
    ],
}  # fmt: skip


class Hostile:
    """An endless source of hostile requests, the same ones for the same seed."""

    def __init__(self, number: int, *, secret: str, workspace: str, key: str, max_body: int) -> None:
        self._rng = random.Random(number)
        self._secret = secret
        self._basic = ("Authorization", basic_header(workspace, key))
        self._max_body = max_body

    def __iter__(self) -> Iterator[Request]:
        kinds: list[tuple[Callable[[], Request], int]] = [
            *((partial(self._odd_value, kind), 7) for kind in ODD_VALUES),
            (self._duplicated, 3),
            (self._odd_notification, 20),
            (self._truncated, 10),
            (self._flipped, 10),
            (self._deep, 5),
            (self._encoded, 8),
            (self._credentials, 5),
            (self._framing, 4),
            (self._head, 4),
            (self._path, 4),
            (self._headers, 4),
            (self._leaving, 2),
            (self._huge, 1),
            (self._pipelined, 1),
        ]
        makers, weights = zip(*kinds, strict=True)
        while True:
            [make] = self._rng.choices(makers, weights)
            yield make()

    def slow(self, count: int) -> list[Request]:
        """Bodies and heads that come byte by byte, or stop coming."""
        found = []
        for number in range(count):
            body = self._notification()
            raw = self._signed(body)
            head, end = raw[: raw.index(b"\r\n\r\n") + 4], len(raw)
            if number % 3 == 0:  # in time, if slowly
                cuts = sorted(self._rng.sample(range(len(head), end), 8))
                pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, end], strict=True)]
                found.append(Request("slow body", tuple(pieces), 0.3, body=body))
            elif number % 3 == 1:  # never whole: the deadline ends it
                found.append(Request("body that stops", (head, raw[len(head) : -5])))
            else:
                pieces = [head[at : at + 20] for at in range(0, 120, 20)]
                found.append(Request("head that stops", tuple(pieces), 0.3, "leave"))
        return found

    # -- bodies -----------------------------------------------------------------------------------

    def _notification(self, **changes: Any) -> bytes:
        item = {"type": "contact", "id": f"c{self._rng.randrange(50)}", "name": "Zoë \U0001f600"}
        document = {
            "type": "notification_event",
            "id": f"hostile_{self._rng.getrandbits(64):x}",
            "app_id": "app",
            "topic": "contact.user.updated",
            "created_at": 1_790_000_000,
            "data": {"item": item},
            **changes,
        }
        return json.dumps(document, ensure_ascii=self._rng.random() < 0.5).encode()

    def _odd_value(self, kind: str) -> Request:
        value = self._rng.choice(ODD_VALUES[kind])
        if self._rng.random() < 0.7:
            body = self._notification(data={"item": {"id": "1", "name": "@"}}).decode()
            value = body.replace('"@"', value)
        return self._send(kind, value.encode("utf-8", "surrogatepass"))

    def _duplicated(self) -> Request:
        """What the envelope is made from, twice."""
        twice = self._rng.choice(
            [
                '"topic": "ping"', '"topic": null', '"id": "x"', '"id": [1]',
                '"data": {}', '"data": {"item": 1}',
                '"app_id": {}', '"created_at": NaN', '"type": 1', '"topic": "contact.deleted"',
            ]
        )  # fmt: skip
        body = self._notification().decode()
        body = f"{{{twice}, {body[1:]}" if self._rng.random() < 0.5 else f"{body[:-1]}, {twice}}}"
        return self._send("duplicate keys", body.encode())

    def _odd_notification(self) -> Request:
        rng = self._rng
        values: list[Any] = [
            None, True, -1, 0, 1e308, -1e308, 2**63, 2**64, 10**30, 0.1, "", " ", "x" * 5000, "\0", "\n",
            "\u202e", "ünï", "../../etc/passwd", "{{7*7}}", "'; DROP TABLE x; --", "${jndi:ldap://x}", [],
            [None], {}, {"type": "list"}, {"a": {"b": {"c": []}}}, [[[]]], "2026-13-45", "-1", "NaN",
        ]  # fmt: skip
        value = rng.choice(values)
        where = rng.choice(["topic", "id", "app_id", "created_at", "data", "item", "field", "key"])
        family = rng.choice(["contact", "company", "ticket", "conversation", "event", "visitor", "x"])
        item: Any = {"type": family, "id": "1"}
        changes: dict[str, Any] = {"topic": f"{family}.updated"}
        if where == "item":
            item = value
        elif where == "field":
            names = "id type contacts contact companies updated_at external_id email"
            item[rng.choice(names.split())] = value
        elif where == "key":
            item[str(value)] = value
        else:
            changes[where] = value
        if where != "data":
            changes["data"] = {"item": item}
        return self._send("odd notification", self._notification(**changes))

    def _truncated(self) -> Request:
        body = self._notification()
        return self._send("truncated", body[: self._rng.randrange(len(body))])

    def _flipped(self) -> Request:
        body = bytearray(self._notification())
        for _ in range(self._rng.randrange(1, 6)):
            body[self._rng.randrange(len(body))] = self._rng.randrange(256)
        return self._send("flipped bytes", bytes(body))

    def _deep(self) -> Request:
        depth = self._rng.choice([90, 99, 100, 101, 254, 255, 1023, 1024, 1025, 5000, 100_000])
        opening, closing = self._rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
        whole = self._rng.random() < 0.5
        body = b'{"topic":"contact.x","data":{"item":{"a":' + opening * depth
        body += (b"1" + closing * depth + b"}}}") if whole else b""
        return self._send("deep", body)

    def _encoded(self) -> Request:
        body = self._notification().decode()
        encodings = ["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "cp1252", "cp500", "utf-8"]
        raw = body.encode(self._rng.choice(encodings), "replace")
        if self._rng.random() < 0.5:
            at = self._rng.randrange(len(raw))
            bad = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80", b"\0")
            raw = raw[:at] + self._rng.choice(bad) + raw[at:]
        return self._send("wrong encoding", raw)

    def _huge(self) -> Request:
        size = self._rng.choice([self._max_body - 200, self._max_body + 1, 4 * self._max_body])
        body = self._notification(data={"item": {"x": "y" * (size - 200)}})
        if self._rng.random() < 0.3:
            return Request("huge", (self._signed(body, length=str(10**18)),))
        return self._send("huge", body)

    # -- how they come ------------------------------------------------------------------------------

    def _send(self, kind: str, body: bytes) -> Request:
        """By a signed webhook or by a connector; sometimes in chunks."""
        if self._rng.random() < 0.6:
            path, auth = WEBHOOKS, (HEADER, sign(body, self._secret))
        else:
            path, auth = PARTNER, self._basic
        if self._rng.random() < 0.9 or not body:
            return Request(kind, (http("POST", path, [auth, JSON], body),), body=body)
        cut = self._rng.randrange(1, len(body) + 1)
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (body[:cut], body[cut:]) if one)
        raw = http(
            "POST",
            path,
            [auth, JSON, ("Transfer-Encoding", "chunked")],
            chunked + b"0\r\n\r\n",
            length=None,
        )
        return Request(kind, (raw,), body=body)

    def _signed(self, body: bytes, *more: tuple[str, str], length: str | None = "") -> bytes:
        auth = (HEADER, sign(body, self._secret))
        return http("POST", WEBHOOKS, [auth, JSON, *more], body, length=length)

    def _credentials(self) -> Request:
        rng = self._rng
        body = self._notification()
        noise = "".join(map(chr, rng.choices(range(33, 127), k=rng.randrange(60))))
        signatures = [
            *(noise, "sha1=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha1=" + "é" * 40),
            *(sign(body, "guessed"), sign(body + b" ", self._secret)),
        ]
        basics = [
            *(noise, "Basic", "Basic " + noise, "Basic ====", "Basic /////w==", "Bearer x"),
            *("Basic " + "A" * 8000, basic_header("WORKSPACE", "guessed"), basic_header("", "")),
        ]
        if rng.random() < 0.5:
            raw = http("POST", WEBHOOKS, [(HEADER, rng.choice(signatures)), JSON], body)
        else:
            raw = http("PUT", PARTNER, [("Authorization", rng.choice(basics)), JSON], body)
        return Request("credentials", (raw,))

    def _headers(self) -> Request:
        body = self._notification()
        more = self._rng.choice(
            [
                ("Content-Type", "text/plain"), ("Content-Type", "application/json; charset=utf-16"),
                ("Content-Type", ";;;"), ("Content-Encoding", "gzip"), ("Content-Encoding", "br, gzip"),
                ("Expect", "100-continue"), ("Expect", "nonsense"), ("Upgrade", "websocket"),
                ("Connection", "upgrade, close"), ("X-Forwarded-For", "127.0.0.1, " * 200),
                ("Accept", "*/*;q=" + "9" * 4000), ("Cookie", "a=b; " * 1000), ("TE", "trailers"),
            ]
        )  # fmt: skip
        return Request("headers", (self._signed(body, more),), body=body)

    def _framing(self) -> Request:
        rng = self._rng
        body = self._notification()
        chunked = ("Transfer-Encoding", "chunked")
        raw = rng.choice(
            [
                lambda: self._signed(body, length="-1"),
                lambda: self._signed(body, length="1e3"),
                lambda: self._signed(body, length="+5"),
                lambda: self._signed(body, length="5, 6"),
                lambda: self._signed(body, length=str(max(1, len(body) - 7))),
                lambda: self._signed(body, chunked),
                lambda: self._signed(b"zz\r\n" + body, chunked, length=None),
                lambda: self._signed(b"ffffffffffffffff\r\n" + body, chunked, length=None),
                lambda: self._signed(b"-1\r\n" + body, chunked, length=None),
                lambda: self._signed(b"5;" + b"x" * 9000 + b"\r\nabcde", chunked, length=None),
                lambda: self._signed(b"3\r\nabcdef\r\n0\r\n\r\n", chunked, length=None),
                lambda: self._signed(body, ("Transfer-Encoding", "gzip, chunked")),
                lambda: self._signed(body, ("Transfer-Encoding", "identity")),
            ]
        )()
        # What follows a wrong length is another request to the server: read to the end.
        return Request(
            "framing", (raw, b"\r\n\r\n"), then="leave" if rng.random() < 0.3 else "until_closed"
        )

    def _head(self) -> Request:
        rng = self._rng
        raw = rng.choice(
            [
                lambda: rng.randbytes(rng.randrange(1, 400)) + b"\r\n\r\n",
                lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),
                lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
                lambda: b"GET /healthz\r\n\r\n",
                lambda: b"POST " + WEBHOOKS.encode() + b" HTTP/9.9\r\nHost: x\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 500 + b"\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\nHost: x\r\nX\x00Y: z\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: \x00\x01\x7f\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
                lambda: b"GET /healthz HTTP/1.1\nHost: x\n\n",
                lambda: b"\r\n" * 3000,
            ]
        )()
        return Request("heads", (raw,), then="leave" if rng.random() < 0.5 else "until_closed")

    def _path(self) -> Request:
        rng = self._rng
        body = self._notification()
        method = rng.choice(
            ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "CONNECT", "BREW"]
        )
        path = rng.choice(
            [
                "/", "//", "/..%2f..%2fetc/passwd", "/%00", "/intercom/webhooks/", "/intercom//webhooks",
                "/INTERCOM/WEBHOOKS", "/intercom/webhooks?" + "a=b&" * 1500, "*", "http://x/intercom/webhooks",
                f"{PARTNER}?configName=" + quote("\0é\U0001f600"), "/v1/partner/intercom/%75ser",
                f"{PARTNER}?configName=a&configName=b", "/v1/partner/intercom/users//", "/;x", "/%ff%fe",
                "/intercom/webhooks#x", "/healthz", "/readyz", "/metrics", "/" + "a" * 7000,
            ]
        )  # fmt: skip
        raw = http(method, path, [self._basic, (HEADER, sign(body, self._secret)), JSON], body)
        return Request(
            "paths and methods", (raw,), then="until_closed" if method == "CONNECT" else "answer"
        )

    def _leaving(self) -> Request:
        raw = self._signed(self._notification())
        return Request("leaves early", (raw[: self._rng.randrange(1, len(raw) + 1)],), then="leave")

    def _pipelined(self) -> Request:
        raw = b"".join(self._signed(self._notification()) for _ in range(self._rng.randrange(2, 30)))
        last = self._signed(self._notification(), ("Connection", "close"))
        return Request("pipelined", (raw + last,), then="until_closed")
