"""A stand-in for the process that runs networks. It speaks the same messages; units say what it does.

Unit 0 dies, unit 1 hears no stop, unit 2 waits for a stop, unit 3 refuses, unit 4 dies the first time only (the file
named by its argument says whether it has). Any other set of units: every second image is answered by the next output.
With the word `always` every set of units is answered so.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from precompute.store.reader import open_store
from precompute.what_if.request import Request
from precompute.what_if.wire import receive, send


def main():
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while (message := receive(source)) is not None:
        told, arrays = message
        if told["do"] != "ask":
            continue
        request, number = Request.from_json(told["request"]), told["id"]
        send(out, {"id": number, "say": "progress", "stage": "reading the images", "done": 3, "total": 8})
        match () if "always" in sys.argv else request.units:
            case (0,):
                print("out of memory", file=sys.stderr, flush=True)
                os._exit(3)
            case (1,):
                time.sleep(60)
            case (2,):
                assert receive(source)[0] == {"do": "stop", "id": number}
                send(out, {"id": number, "say": "stopped"})
            case (3,):
                send(out, {"id": number, "say": "refused", "why": "No <b>such</b> network."})
            case (4,) if not Path(sys.argv[1]).exists():
                Path(sys.argv[1]).touch()
                os._exit(3)
            case _:
                send(out, {"id": number, "say": "answer"}, answer(told, request, arrays))


def answer(told, request, arrays):
    with open_store(os.fsdecode(bytes.fromhex(told["store"]))) as store:
        n_outputs, before = store.model.n_outputs, np.array(store.baseline.prediction)
        if request.of_one_image:
            said = np.zeros(n_outputs, np.float32)
            said[0] = 4
            maps = np.linspace(0, 1, len(request.units) * 16, dtype=np.float32).reshape(-1, 4, 4)
            # A made-up store has pictures of the images alone that some list names.
            held = next(filter(None, map(store.thumbnail, range(len(store.images)))))
            picture = np.frombuffer(held, np.uint8) if "upload" not in arrays else arrays["upload"]
            found = {"before": said, "after": np.roll(said, 1), "maps": maps, "picture": picture}
            error = np.full(len(maps), 0.03 if request.method == "integrated_gradients" else np.nan)
            if request.method:
                found |= {
                    "attribution": maps - 0.5,
                    "error": error,
                    "field": np.tile([-2.0, 3, 40, 37], (len(maps), 1)),
                }
            if request.random:
                likeness = np.array([1, 0.1, 0.3, np.nan, 0.6, 0.7, 0.5])
                found |= {"random_step": np.array([0, 1, 1, 1, 2, 2, 2]), "likeness": likeness}
                found |= {"random_map": np.tile(maps[0] - 0.5, (7, 1, 1))}
            return found
        found = {"prediction": (before + 1) % n_outputs}
        found["prediction"][::2] = before[::2]
        if request.pairs:
            n_pairs = len(request.units) * (len(request.units) - 1) // 2
            found |= {"singles": np.tile(before, (len(request.units), 1)), "pairs": np.tile(before, (n_pairs, 1))}
        return found


if __name__ == "__main__":
    main()
