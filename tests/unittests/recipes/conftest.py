"""A server of files, for the tests of downloads.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import http.server
import threading

import pytest


class Handler(http.server.SimpleHTTPRequestHandler):
    """Gives files out, but only half of one whose name begins with "half"."""

    def log_message(self, *arguments):
        """Keeps quiet."""

    def copyfile(self, source, outputfile):
        """Sends a file."""
        content = source.read()
        half = len(content) // 2 if self.path.startswith("/half") else None
        outputfile.write(content[:half])


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The URL of a server of the files in the folder of the test."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
