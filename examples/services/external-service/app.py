"""app.py [COUNTER_URL]: asks the counter on every visit and greets with its answer. Listens on 0.0.0.0:8080."""
import signal
import sys

import requests
from flask import Flask, Response

COUNTER = (sys.argv[1] if len(sys.argv) > 1 else "http://counter:8080").rstrip("/")
app = Flask(__name__)


@app.get("/")
def greet():
    try:
        reply = requests.get(COUNTER + "/get_and_increment_counter", timeout=5)
        reply.raise_for_status()
    except requests.RequestException as problem:
        return Response(f"The counter does not answer: {problem.__class__.__name__}\n", 502, mimetype="text/plain")
    text = f"Hello CS695 Explorers! You have sent request to this container {int(reply.text)} times."
    return Response(text, mimetype="text/plain")


if __name__ == "__main__":
    # The first process of a container is not ended by a signal it does not ask for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.run(host="0.0.0.0", port=8080, threaded=True)
