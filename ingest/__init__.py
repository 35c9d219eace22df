"""The front door: takes what Intercom sends over HTTP and publishes it to intercom.events.

``app`` answers, ``server`` runs it, ``publisher`` hands records to the broker; everything that decides
whether a request is taken is pure.
"""
