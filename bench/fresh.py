"""The entry of every process that the bench starts: ``python -m bench.fresh <run>``."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from bench.plan import FAUST, MAPPING, OURS, OURS_MEMORY, QUIX, WHOLE, Run
from bench.stopwatch import Stopwatch


def main() -> None:
    """Do one run and print what it came to as the last line."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    run = Run.decoded(sys.argv[1])
    if run.job == WHOLE:
        from bench.whole import process

        process.main(run)
        return
    if run.job == MAPPING:
        from bench import mapping_alone

        print(json.dumps(mapping_alone.work(run)), flush=True)
        return
    watch = Stopwatch(run.messages)
    if run.contender in (OURS, OURS_MEMORY):
        from bench.contenders import moebridge

        asyncio.run(moebridge.work(run, watch))
    elif run.contender == FAUST:
        from bench.contenders import plain_faust

        asyncio.run(plain_faust.work(run, watch))
    elif run.contender == QUIX:
        from bench.contenders import quix

        quix.work(run, watch)
    print(json.dumps(watch.result()), flush=True)


if __name__ == "__main__":
    main()
