"""The live tail: what happens to events on their way, as it happens.

``sighting`` is one thing seen, ``records`` reads it from a record, ``recent`` and ``tail`` bring together
what belongs to one event, ``filters`` say what is wanted, ``ordering`` puts the records of several topics
in the order of time, ``thinning`` spares a terminal; none of these does I/O. ``reader`` reads the broker.
"""
