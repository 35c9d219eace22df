"""``moebridge dead-letters`` on a real broker."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from letters_on_broker import Installation, run
from some_letters import BEGAN_MS, Record, delivery, of_delivery

from events.topics import CONTACTS, DEAD_LETTERS, DELIVERIES, SETTLEMENTS
from moebridge.dead_letters.desk import BrokerDesk
from streams.stages.stage import dead_letter

pytestmark = pytest.mark.broker


@pytest.fixture
def here(broker: Any, topic_prefix: str) -> Installation:
    """Twelve letters of four customers, one of the contacts stage, and a record that is no letter."""
    here = Installation(broker.bootstrap_servers, topic_prefix)
    letters = [
        of_delivery(
            delivery(number, f"user-{number % 4}", kind="event" if number % 3 else "user"),
            offset=number,
            prefix=topic_prefix,
            topic=here.topic(DELIVERIES),
            reason="BadRequest: [red]too long[/red]" if number < 4 else "BadRequest: nested",
            failed_at=BEGAN_MS + number * 60_000,
        )
        for number in range(12)
    ]
    value = b'{"data":7}'
    record = Record(here.topic(CONTACTS), 2, 5, b"c1", value, [("topic", b"ticket.created")])
    letters.append(dead_letter("contacts", topic_prefix, record, "header 'v': missing", BEGAN_MS))
    letters.append(letters[0]._replace(value=b"junk", headers=[]))
    run(here.make(*letters))
    return here


def lines(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def listed(here: Installation, *arguments: str) -> list[dict[str, Any]]:
    return lines(here.command("list", "--json", *arguments))


def test_the_list_counts_by_reason_and_names_nobody(here: Installation) -> None:
    result = here.command("list")
    assert result.exit_code == 0, result.output
    assert "user-1" not in result.stdout
    table, _, summary = result.stdout.partition("count ┃")
    assert table.count("deliver ") == 12
    assert "BadRequest: [red]too long[/red]" in summary
    assert [line.split()[0] for line in summary.splitlines()[2:6]] == ["8", "4", "1", "1"]
    assert result.stdout.endswith("14 open, 0 settled (--all)\n")
    shortened = here.command("list", "--limit", "2", "--show-personal", "--stage", "deliver").stdout
    rows = shortened.partition("\n\n")[0]
    assert "user-2" in rows
    assert "user-3" in rows
    assert shortened.endswith("the latest 2 of 12 shown; 12 open, 0 settled (--all)\n")


def test_what_is_listed_as_json_has_no_body(here: Installation) -> None:
    found = listed(here)
    assert len(found) == 14
    assert all("body" not in one for one in found)
    assert {one["whose"] for one in found} & {f"user-{n}" for n in range(4)} == set()
    [one] = listed(here, "--event-id", "notif_7", "--show-personal")
    assert (one["whose"], one["kind"], one["answer_status"], one["state"]) == (
        "user-3",
        "event",
        400,
        "open",
    )


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--customer-id", "user-1"], 3),
        (["--reason", "TOO"], 4),
        (["--kind", "user", "--stage", "deliver"], 4),
        (["--status", "413"], 0),
        (["--stage", "contacts", "--event-name", "ticket.created"], 1),
        (["--from-datetime", "2026-09-21T14:15:20Z", "--to-datetime", "2026-09-21T14:18:20"], 3),
        (["--by-duration", "PT1S"], 0),
        (["--config-name", "other"], 0),
        (["--id", "77:1"], 0),
    ],
)
def test_filters(here: Installation, options: list[str], count: int) -> None:
    assert len(listed(here, *options)) == count


def test_partitions_and_offsets(here: Installation) -> None:
    found = listed(here)
    partition = found[0]["id"].partition(":")[0]
    there = [one["id"] for one in found if one["id"].startswith(f"{partition}:")]
    assert [one["id"] for one in listed(here, "--partition", partition)] == there
    assert [one["id"] for one in listed(here, "--id", there[1], "--id", there[2])] == there[1:3]
    some = listed(here, "--partition", partition, "--from-offset", "1", "--to-offset", "2")
    assert [one["id"] for one in some] == [f"{partition}:1"]


@pytest.mark.parametrize("command", ["redrive", "discard"])
def test_without_execute_nothing_is_done(here: Installation, command: str) -> None:
    result = here.command(command)
    assert result.exit_code == 0, result.output
    assert f"would be {command}" in result.stdout
    assert "nothing was done; --execute does it" in result.stdout
    assert [here.records(name) for name in (DELIVERIES, CONTACTS, SETTLEMENTS)] == [[], [], []]


def test_a_redrive_sends_each_back_where_it_came_from_once_and_in_order(here: Installation) -> None:
    letters = {
        f"{one.partition}:{one.offset}": one for one in here.records(DEAD_LETTERS) if one.value != b"junk"
    }
    result = here.command("redrive", "--execute", "--rate", "0")
    assert result.exit_code == 0, result.output
    assert "13 will be redriven" in result.stdout
    assert "1 left as they are: from no topic of this installation" in result.stdout
    assert "13 redriven by run " in result.stdout

    sent = [*here.records(DELIVERIES), *here.records(CONTACTS)]
    assert len(sent) == 13
    for record in sent:
        added = {n: v.decode() for n, v in record.headers if n.startswith("redrive.")}
        letter = letters.pop(added["redrive.letter"])
        own = [(n, v) for n, v in letter.headers if not n.startswith("dead_letter.")]
        assert (record.key, record.value) == (letter.key, letter.value)
        assert list(record.headers)[: len(own)] == own
        assert added.keys() == {"redrive.letter", "redrive.at", "redrive.run", "redrive.times"}
        assert record.topic == dict(letter.headers)["dead_letter.topic"].decode()
    assert letters == {}
    for customer in {record.key for record in sent}:
        ids = [dict(record.headers).get("event_id", b"") for record in sent if record.key == customer]
        assert ids == sorted(ids, key=lambda one: int(one[6:] or 0))

    again = here.command("redrive", "--execute").stdout
    assert "0 will be redriven\n13 of those that are meant are settled already (list --all)" in again
    assert len(here.records(DELIVERIES)) == 12
    assert [one["state"] for one in listed(here)] == ["open"]  # the one that is no letter
    assert {one["state"] for one in listed(here, "--all")} == {"open", "redriven"}
    assert "redriven │" not in here.command("list").stdout


def test_what_is_discarded_is_not_redriven(here: Installation) -> None:
    result = here.command("discard", "--reason", "too long", "--execute")
    assert "4 discarded by run " in result.stdout, result.output
    result = here.command("discard", "--reason", "no dead letter", "--execute")
    assert "1 discarded by run " in result.stdout, result.output
    assert "9 redriven by run " in here.command("redrive", "--execute").stdout
    assert {dict(one.headers)["event_id"] for one in here.records(DELIVERIES)} == {
        b"notif_%d" % number for number in range(4, 12)
    }
    states = [one["state"] for one in listed(here, "--all")]
    assert (states.count("discarded"), states.count("redriven"), states.count("open")) == (5, 9, 0)


def test_one_first_then_the_others(here: Installation) -> None:
    result = here.command("redrive", "--stage", "deliver", "--limit", "1", "--execute")
    assert "1 will be redriven" in result.stdout, result.output
    assert len(here.records(DELIVERIES)) == 1
    result = here.command("redrive", "--stage", "deliver", "--execute")
    assert "11 redriven by run " in result.stdout
    assert len(here.records(DELIVERIES)) == 12


def test_a_copy_that_a_crash_made_goes_with_its_twin(here: Installation) -> None:
    [letter] = [
        one for one in here.records(DEAD_LETTERS) if dict(one.headers).get("event_id") == b"notif_7"
    ]
    twin = of_delivery(delivery(7))._replace(
        key=letter.key, value=letter.value, headers=list(letter.headers)
    )
    run(here.make(twin))
    result = here.command("redrive", "--event-id", "notif_7", "--execute")
    assert "of these 1: copies" in result.stdout, result.output
    assert len(here.records(DELIVERIES)) == 1
    run(here.make(twin))  # and one that comes later is settled already
    assert listed(here, "--event-id", "notif_7") == []


def test_cut_off_between_the_records_and_the_note_one_batch_goes_twice(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = BrokerDesk.publish

    async def publish_and_die(self: BrokerDesk, records: Any) -> None:
        await publish(self, records)
        raise ZeroDivisionError

    monkeypatch.setattr(BrokerDesk, "publish", publish_and_die)
    assert isinstance(here.command("redrive", "--execute").exception, ZeroDivisionError)
    monkeypatch.undo()
    monkeypatch.setattr("moebridge.dead_letters.settling.OVER_AFTER_S", 1.0)
    batch = len(here.records(DELIVERIES)) + len(here.records(CONTACTS))
    assert 0 < batch < 13
    assert f"of these {batch}: begun by a run that was cut off" in here.command("redrive").stdout

    assert "13 redriven by run " in here.command("redrive", "--execute").stdout
    sent = [*here.records(DELIVERIES), *here.records(CONTACTS)]
    assert len(sent) == 13 + batch
    letters = Counter(dict(record.headers)["redrive.letter"] for record in sent)
    assert len(letters) == 13
    assert max(letters.values()) == 2


def test_show_tells_all_of_one(here: Installation) -> None:
    [one] = listed(here, "--event-id", "notif_7")
    result = here.command("show", one["id"])
    assert result.exit_code == 0, result.output
    assert "user-3" in result.stdout
    assert '"number": 7' in result.stdout
    [document] = lines(here.command("show", "--json", one["id"]))
    assert document["body"] == {"type": "event", "number": 7}
    here.command("redrive", "--id", one["id"], "--execute")
    assert f"{one['id']}, redriven 2" in here.command("show", one["id"]).stdout


@pytest.mark.parametrize(
    ("letter_id", "exit_code", "said"),
    [
        ("0:999", 1, "dead letter 0:999: there is none; its partition "),
        ("9:0", 1, "dead letter 9:0: there is none; there are partitions 0 to 3"),
        ("nine", 2, "expected partition:offset, such as 3:17"),
    ],
)
def test_show_of_one_that_is_not_there(
    here: Installation, letter_id: str, exit_code: int, said: str
) -> None:
    result = here.command("show", letter_id)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr


def test_topics_that_are_missing_are_named(broker: Any, topic_prefix: str) -> None:
    result = Installation(broker.bootstrap_servers, topic_prefix).command("list")
    assert result.exit_code == 1
    assert f"{topic_prefix}moengage.dead-letters: missing: moebridge topics create" in result.stderr
    assert f"{topic_prefix}moengage.dead-letter-settlements: missing" in result.stderr


def test_a_window_that_is_none_is_wrong_usage() -> None:
    result = Installation("127.0.0.1:9", "").command("list", "--by-duration", "soon")
    assert result.exit_code == 2
    assert "--by-duration: expected a duration such as P1D" in result.stderr


def test_a_broker_that_is_not_there() -> None:
    result = Installation("127.0.0.1:9", "").command("list")
    assert result.exit_code == 1
    assert "kafka.bootstrap_servers: no answer from 127.0.0.1:9" in result.stderr
