"""HTTP, WebSocket and server-sent events by hand, over TCP or a unix socket: nothing is corrected on the way."""

import base64
import hashlib
import http.client
import json
import os
import socket
import struct
import threading
import time
from urllib.parse import urlsplit

PATIENCE = 30  # seconds in which anything that shall happen has to


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {}
        for name, value in headers:
            self.headers.setdefault(name.lower(), value)
        self.body = body

    @property
    def media(self):
        """The content type in small letters, without a charset and without spaces; None if there is none."""
        parts = [part.strip().lower() for part in self.headers.get("content-type", "").split(";")]
        return ";".join(part for part in parts if not part.startswith("charset=")) or None

    def json(self):
        return json.loads(self.body)


class _Connection(http.client.HTTPConnection):
    def __init__(self, daemon):
        super().__init__("localhost", timeout=PATIENCE)
        self.daemon = daemon

    def connect(self):
        self.sock = self.daemon.connect()


class Daemon:
    """Where one listens: `url` for TCP, or `path` for its unix socket."""

    def __init__(self, url=None, path=None):
        self.path = path
        parts = urlsplit(url) if url else None
        self.address = (parts.hostname, parts.port) if parts else None
        self.host = parts.netloc if parts else "localhost"

    def __str__(self):
        return self.path or f"http://{self.host}"

    def connect(self):
        if self.path is None:
            return socket.create_connection(self.address, timeout=PATIENCE)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self.path)
        return connection

    def request(self, method, path, body=None, headers=None, host=None):
        connection = _Connection(self)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or self.host)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            try:
                connection.endheaders(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may answer before it has read all
            answer = connection.getresponse()
            # No body follows, and the connection stays open.
            content = b"" if answer.status == 101 else answer.read()
            return Answer(answer.status, answer.getheaders(), content)
        finally:
            connection.close()


class Closed(Exception):
    """The other end hung up; `code` is the WebSocket's close code, None without one."""

    def __init__(self, code=None):
        super().__init__(f"closed with {code}")
        self.code = code


def handshake(host, path="/api/v1/stream", key="AAAAAAAAAAAAAAAAAAAAAA==", more=()):
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(payload=b"", opcode=1, final=True, masked=True):
    """A frame as a client sends it."""
    length = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 65536:
        head += struct.pack(">BH", mask_bit | 126, length)
    else:
        head += struct.pack(">BQ", mask_bit | 127, length)
    # A mask of zeros is a mask.
    return head + (bytes(4) if masked else b"") + payload


def read_head(reader):
    """Status and headers; (None, {}) if the other end hung up before they were whole."""
    line = reader.readline().decode("latin-1")
    parts = line.split(" ", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        return None, {}
    headers = {}
    for line in iter(lambda: reader.readline().decode("latin-1"), "\r\n"):
        if not line:
            return None, {}
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(parts[1]), headers


class WebSocket:
    def __init__(self, daemon, headers=(), path="/api/v1/stream"):
        self.socket = daemon.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(handshake(daemon.host, path, key, headers))
        self.reader = self.socket.makefile("rb")
        self.status, self.headers = read_head(self.reader)
        if self.status == 101:
            wanted = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            if self.headers.get("sec-websocket-accept") != base64.b64encode(wanted).decode():
                raise ValueError("Sec-WebSocket-Accept is not the answer to the key")

    def _read(self, count):
        data = self.reader.read(count)
        if len(data) < count:
            raise Closed()
        return data

    def receive(self):
        """None and the next message; raises `Closed` at the end."""
        text = b""
        while True:
            first, second = self._read(2)
            if first & 0x70 or second & 0x80:
                raise ValueError("a frame of the server is masked, or has reserved bits")
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._read(8))
            payload = self._read(length)
            opcode = first & 0x0F
            if opcode == 8:
                raise Closed(struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None)
            if opcode == 9:
                self.socket.sendall(frame(payload, opcode=10))
            elif opcode in (0, 1):
                text += payload
                if first & 0x80:
                    return None, json.loads(text)
            elif opcode != 10:
                raise ValueError(f"a frame of the kind {opcode}")

    def close(self):
        self.reader.close()
        self.socket.close()


class EventSource:
    def __init__(self, daemon, headers=None):
        self.socket = daemon.connect()
        lines = ["GET /api/v1/events HTTP/1.1", f"Host: {daemon.host}", "Accept: text/event-stream"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.reader = self.socket.makefile("rb")
        self.status, self.headers = read_head(self.reader)
        self.rest = b""

    def _chunk(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            data = self.reader.read1(65536)
        else:
            size = int(self.reader.readline() or b"0", 16)
            data = self.reader.read(size)
            self.reader.readline()
        if not data:
            raise Closed()
        return data

    def receive(self):
        """The fields of the next event by name, and the message in it; comments are passed over."""
        while True:
            block, found, rest = self.rest.partition(b"\n\n")
            if not found:
                self.rest += self._chunk().replace(b"\r\n", b"\n")
                continue
            self.rest = rest
            fields = {}
            for line in block.decode("utf-8").split("\n"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name:
                    fields[name] = fields[name] + "\n" + value if name in fields else value
            if fields:
                return fields, json.loads(fields["data"])

    def close(self):
        self.reader.close()
        self.socket.close()


class Live:
    """Reads a WebSocket or EventSource on a thread of its own, and keeps what came."""

    def __init__(self, source):
        self.source = source
        self.fields = []
        self.messages = []
        self.end = None
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        end = None
        try:
            while True:
                # Nothing may happen for long; only `wait` has an end.
                self.source.socket.settimeout(None)
                fields, message = self.source.receive()
                with self._changed:
                    self.fields.append(fields)
                    self.messages.append(message)
                    self._changed.notify_all()
        except Exception as error:
            end = error
        with self._changed:
            self.end = end
            self._changed.notify_all()

    def wait(self, wanted, seconds=PATIENCE):
        """Whether `wanted(messages)` came true before the end of patience or of the connection."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not wanted(self.messages):
                left = deadline - time.monotonic()
                if self.end is not None or left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def wait_end(self, seconds=PATIENCE):
        with self._changed:
            self._changed.wait_for(lambda: self.end is not None, seconds)
            return self.end
