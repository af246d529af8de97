"""Any program that listens on $PORT can be a worker; this one is Python's own http.server."""

import json
import os
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/whoami":
            # The balancer tells the client's address to foreign programs in a header.
            client = self.headers["X-Forwarded-For"]
            self.answer({"worker": os.environ["MULTISERVER_WORKER"], "pid": os.getpid(), "client": client})
        elif self.path == "/countdown":
            self.countdown()
        else:
            super().do_GET()  # a file of public/

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.loads(body))

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def countdown(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in (b"3\n", b"2\n", b"1\n", b"go\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")


public = os.path.join(os.path.dirname(os.path.abspath(__file__)), "public")
address = ("127.0.0.1", int(os.environ["PORT"]))
ThreadingHTTPServer(address, partial(Handler, directory=public)).serve_forever()
