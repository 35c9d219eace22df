"""Lag: what waits for a consumer group, for how long, and whether that is as it should be.

| module | what it does |
|---|---|
| ``look`` | one look at the broker, as values |
| ``commits`` | a window of looks, as the commits that the verdict is made from |
| ``verdict`` | the verdict, by the rules of LinkedIn's Burrow |
| ``figures`` | offsets, seconds, rates, from a window of looks |
| ``report`` | all of it for a group |
| ``broker``, ``oldest`` | taking a look: the only part that does I/O |
| ``watch`` | looking again and again |
| ``series`` | the Prometheus series of the last report |

All but the last four are pure: times come as arguments.
"""
