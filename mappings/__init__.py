"""Intercom to MoEngage: rules as YAML files, and the engine that compiles and runs them.

``rules.load`` reads a folder of rule files once; ``rules.map_moment`` is pure from then on: the same
moment and the same rules give the same elements. ``lint.lint`` says what is wrong in rule files, and
``file_tests`` reads the tests in them; ``streams.rehearsal`` runs those.
"""
