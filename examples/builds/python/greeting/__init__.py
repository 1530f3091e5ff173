"""Greets whoever asks."""
import flask

app = flask.Flask(__name__)


@app.route("/<name>")
def greet(name):
    return f"Hello {name}!\n"
