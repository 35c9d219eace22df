"""Dead letters: looking at them, sending them again, putting them away.

``letter`` is one of them, ``selection`` which are meant, ``settlements`` what has become of them, and
``settling`` how they are redriven or discarded; none of these does I/O. ``reading`` and ``desk`` do.
"""
