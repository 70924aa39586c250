"""Fetch one file, continuing a partial one: fetch.py URL PARTIAL_FILE NAME.

Runs in the host's Python with nothing but its standard library. Exit codes: 0 fetched, 3 no
network, 4 disk full, 5 the server does not let us (pip may know how to log in).
"""

import errno
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

NO_NETWORK, DISK_FULL, REFUSED = 3, 4, 5
ATTEMPTS = 5


def pip_setting(name):
    """A setting of pip: from the environment, else from its configuration files."""
    if os.environ.get("PIP_" + name.upper()):
        return os.environ["PIP_" + name.upper()]
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for line in listing.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key == "global." + name:
            return value.strip("'\"")
    return None


def opener():
    context = ssl.create_default_context()
    certificate = pip_setting("cert")
    if certificate:
        folder = os.path.isdir(certificate)
        context.load_verify_locations(**{"capath" if folder else "cafile": certificate})
    handlers = [urllib.request.HTTPSHandler(context=context)]
    proxy = pip_setting("proxy")
    if proxy:
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    return urllib.request.build_opener(*handlers)


class Progress:
    """A bar on a terminal, a line per quarter elsewhere; on stderr."""

    def __init__(self, name, done, total):
        self.name, self.total = name, total
        self.started, self.at_start = time.monotonic(), done
        self.shown_at, self.shown_quarter = 0.0, 4 * done // total if total else 0

    def show(self, done):
        speed = (done - self.at_start) / max(time.monotonic() - self.started, 1e-3)
        text = "  %s %.0f of %.0f MB, %.1f MB/s" % (self.name, done / 1e6, self.total / 1e6, speed / 1e6)
        if not sys.stderr.isatty():
            quarter = 4 * done // self.total if self.total else 0
            if quarter > self.shown_quarter:
                print(text, file=sys.stderr, flush=True)
                self.shown_quarter = quarter
        elif time.monotonic() - self.shown_at > 0.1 or done == self.total:
            seconds = (self.total - done) / max(speed, 1)
            line = "%s, %d:%02d left" % (text, seconds // 60, seconds % 60)
            print("\r" + line[:79].ljust(79), end="", file=sys.stderr, flush=True)
            self.shown_at = time.monotonic()

    def end(self):
        if sys.stderr.isatty():
            print(file=sys.stderr)


def length_of(answer, done):
    """Bytes of the whole file when `done` were there before; 0 where the server does not say."""
    length = answer.headers.get("Content-Length")
    return done + int(length) if length else 0


def append_rest(browser, url, path, name):
    """Downloads what is missing of the file."""
    done = os.path.getsize(path) if os.path.exists(path) else 0
    request = urllib.request.Request(url, headers={"Range": "bytes=%d-" % done} if done else {})
    try:
        answer = browser.open(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # nothing is missing; the hash will tell
            return
        raise
    with answer, open(path, "ab") as file:
        if done and answer.status != 206:  # the server does not continue: from the start
            file.truncate(0)
            done = 0
        total = length_of(answer, done)
        progress = Progress(name, done, total)
        for block in iter(lambda: answer.read(1 << 20), b""):
            file.write(block)
            done += len(block)
            progress.show(done)
        progress.end()
    if total and done < total:
        raise ConnectionError("the connection ended after %d of %d bytes" % (done, total))


def main(url, path, name):
    browser = opener()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            append_rest(browser, url, path, name)
            return 0
        except urllib.error.HTTPError as error:
            print("HTTP status %d" % error.code, file=sys.stderr)
            if error.code < 500:
                return REFUSED
        except OSError as error:  # also urllib's URLError and time-outs
            if error.errno == errno.ENOSPC:
                return DISK_FULL
            print(error, file=sys.stderr)
        if attempt < ATTEMPTS:
            time.sleep(attempt)
    return NO_NETWORK


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
