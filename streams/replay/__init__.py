"""Replay: events that were recorded go through moebridge again.

| module | what it does |
|---|---|
| ``request`` | what a replay was asked for; as JSON, for whoever goes on with it |
| ``chosen`` | what is replayed, record by record, and who chooses it |
| ``plan`` | what a replay comes to, in numbers |
| ``filters``, ``places`` | which records are meant; whose a delivery is |
| ``derivations``, ``rehearsing``, ``concerned`` | received events: what comes of each, with whose rows |
| ``deliveries``, ``overtaking`` | elements again: which of them still stand |
| ``marking`` | how a record leaves |
| ``choosing`` | all of that on a broker: the plan, and the records |
| ``reading``, ``merging``, ``pending`` | topics in one order, changelogs, what is not done yet |
| ``control`` | which replay is active, and who works on it: notes and their sum |
| ``pace`` | how much may be published now: a share of the budgets, live traffic first |
| ``run``, ``batch``, ``desk``, ``progress`` | running it, batch by batch, over what does the I/O |
| ``positions`` | how far it has come, as a consumer group's offsets |
| ``receipts`` | what MoEngage said of deliveries, the newest word of each |
"""
