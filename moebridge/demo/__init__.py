"""``moebridge demo``: a day in the life of a workspace, played through the whole bridge.

``cast`` are the people, ``payloads`` what Intercom says of them, ``story`` what happens in which order,
``front_door`` sends it, ``settled`` waits until all of it is worked through, ``checks`` (pure) judges
what MoEngage has then, ``report`` shows it, ``play`` puts it together.
"""
