"""Delivery: elements from moengage.deliveries to MoEngage, in order per customer.

``scheduler`` decides which of its ``requests`` go out when, ``progress`` what may be committed,
``parking`` whose elements wait for a person; none of them does I/O. ``deliver`` does, for the ``target``
of each configuration.
"""
