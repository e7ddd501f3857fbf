"""Ask the server at port 8080 of the network namespace that this runs in: method, path, type; body on stdin.

The first line of the output is the status, the rest the body; nothing when nobody answers.
"""

import http.client
import sys
from contextlib import suppress

if __name__ == "__main__":
    method, path, content_type = sys.argv[1:]
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
    with suppress(OSError, http.client.HTTPException):
        connection.request(method, path, sys.stdin.buffer.read(), {"Content-Type": content_type})
        answer = connection.getresponse()
        sys.stdout.buffer.write(f"{answer.status}\n".encode() + answer.read())
