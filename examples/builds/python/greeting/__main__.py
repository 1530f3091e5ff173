"""The answer for each name on the command line; without names, a server on port 8000."""
import sys

from . import app

if len(sys.argv) == 1:
    app.run(host="0.0.0.0", port=8000)
for name in sys.argv[1:]:
    print(app.test_client().get("/" + name).get_data(as_text=True), end="")
