"""What two mappings make of the same events: counted, with the first examples. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from events.elements import Element, EventElement, MergeElement, UserElement
from events.envelope import Envelope

USER = "user"


class Example(NamedTuple):
    """One event of which the mappings make something else; ``number`` counts from 1."""

    number: int
    topic: str
    event_id: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class Comparison:
    """Elements are counted by label: "user", the event's name, "(merge)", "(delete)".

    Attributes are counted by that and their own name.
    """

    examples_wanted: int = 5
    events: int = 0
    changed: int = 0
    old_elements: Counter[str] = field(default_factory=Counter)
    new_elements: Counter[str] = field(default_factory=Counter)
    only_old: Counter[tuple[str, str]] = field(default_factory=Counter)
    only_new: Counter[tuple[str, str]] = field(default_factory=Counter)
    other_value: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def add(self, envelope: Envelope, old: Sequence[Element], new: Sequence[Element]) -> None:
        """Count what the two mappings made of one event."""
        self.events += 1
        old_labels, new_labels = [label(one) for one in old], [label(one) for one in new]
        self.old_elements.update(old_labels)
        self.new_elements.update(new_labels)
        lines: list[str] = []
        matcher = SequenceMatcher(None, old_labels, new_labels, autojunk=False)
        for what, i, i_end, j, j_end in matcher.get_opcodes():
            if what == "equal":
                for one, other in zip(old[i:i_end], new[j:j_end], strict=True):
                    lines += self._attributes(one, other)
            else:
                lines += [f"- {label(one)} of {one.customer_id}" for one in old[i:i_end]]
                lines += [f"+ {label(one)} of {one.customer_id}" for one in new[j:j_end]]
        if not lines:
            return
        self.changed += 1
        if len(self.examples) < self.examples_wanted:
            self.examples.append(Example(self.events, envelope.topic, envelope.event_id, tuple(lines)))

    def lines(self) -> list[str]:
        """The comparison for people."""
        lines = [f"events: {self.events}, of which {self.changed} become something else"]
        if not self.changed:
            return lines
        labels = sorted({*self.old_elements, *self.new_elements})
        width = max(map(len, labels), default=0)
        lines += ["", f"{'':{width}}  {'old':>8} {'new':>8}"]
        for each in labels:
            lines.append(f"{each:{width}}  {self.old_elements[each]:>8} {self.new_elements[each]:>8}")
        attributes = [
            f"{element}.{name}: {words} in {count}"
            for words, counts in (
                ("no more", self.only_old),
                ("new", self.only_new),
                ("another value", self.other_value),
            )
            for (element, name), count in sorted(counts.items())
        ]
        lines += ["", *attributes] if attributes else []
        for example in self.examples:
            lines += ["", f"event {example.number}, {example.topic}, {example.event_id}"]
            lines += [f"  {line}" for line in example.lines]
        return lines

    def _attributes(self, old: Element, new: Element) -> list[str]:
        name = label(old)
        lines: list[str] = []
        for attribute, before, after in _changes(_content(old), _content(new)):
            if after is None:
                self.only_old[name, attribute] += 1
                lines.append(f"  - {attribute}: {before!r}")
            elif before is None:
                self.only_new[name, attribute] += 1
                lines.append(f"  + {attribute}: {after!r}")
            else:
                self.other_value[name, attribute] += 1
                lines += [f"  - {attribute}: {before!r}", f"  + {attribute}: {after!r}"]
        return [f"{name} of {new.customer_id}", *lines] if lines else []


def label(element: Element) -> str:
    """ "user", the event's name, or in brackets, as no event can be named, "(merge)" or "(delete)"."""
    match element:
        case UserElement():
            return USER
        case EventElement():
            return element.name
        case _:
            return f"({element.kind})"


def _content(element: Element) -> dict[str, Any]:
    """Everything that can differ between two elements of one label, under names."""
    content: dict[str, Any] = {"(customer_id)": element.customer_id}
    match element:
        case UserElement():
            content |= element.attributes
        case EventElement():
            content |= {**element.attributes, "(time)": element.occurred_at}
        case MergeElement():
            content["(merged)"] = element.merged_id
    return content


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [
        (name, old.get(name), new.get(name))
        for name in {**old, **new}
        if type(old.get(name)) is not type(new.get(name)) or old.get(name) != new.get(name)
    ]
