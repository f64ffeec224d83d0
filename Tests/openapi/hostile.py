#!/usr/bin/python3
"""Attacks on a running daemon, by hand and one at a time; exits 0 only if each is refused as promised.

    Tests/openapi/hostile.py --url http://127.0.0.1:4280 --case huge-header --pid 4711
    Tests/openapi/hostile.py --url http://127.0.0.1:4280 --socket STATE/hotplate.sock --case all

Prints what was seen. Nothing here changes anything: what gets through by mistake cancels what lies below /nowhere.
With --pid the daemon's memory is watched, too (Linux).
"""

import argparse
import resource
import select
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True

from client import Closed, Daemon, WebSocket, frame, handshake, read_head

LET_GO = 15  # seconds after which a client that dawdles is hung up on
SOON = 5  # seconds in which anything else is answered
MEMORY = 16 << 20  # how much of it one client may cost
MEBIBYTE = 1 << 20
BODY = b'{"path": "/nowhere"}'


class Attack:
    def __init__(self, daemon, local, pid):
        self.daemon, self.local, self.pid = daemon, local, pid
        self.failed = False

    def expect(self, is_so, what):
        print(f"  {'ok' if is_so else 'FAILED'}: {what}")
        self.failed |= not is_so

    def request(self, text):
        """Sends these bytes, and returns all that came until the other end hung up or was silent."""
        with self.daemon.connect() as connection:
            connection.settimeout(SOON)
            received = b""
            try:
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
                while data := connection.recv(65536):
                    received += data
            except (ConnectionError, TimeoutError, socket.timeout):
                pass
        return received

    def status(self, text):
        received = self.request(text)
        parts = received.split(b" ", 2)
        return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None

    def post(self, *headers, body=BODY, host=None, path="/api/v1/cancel"):
        lines = [f"POST {path} HTTP/1.1", f"Host: {host or self.daemon.host}", "Connection: close",
                 f"Content-Length: {len(body)}", *headers]
        return self.status(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def get(self, path="/api/v1/health", *headers, host=None):
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or self.daemon.host}", "Connection: close", *headers]
        return self.status(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def upgrade(self, *headers, host=None):
        return self.status(handshake(host or self.daemon.host, more=headers))

    def websocket(self):
        opened = WebSocket(self.daemon)
        if opened.status != 101:
            self.expect(False, f"a WebSocket of our own is refused with {opened.status}")
            return None
        opened.socket.settimeout(SOON)
        return opened

    def close_code(self, opened, seconds=SOON):
        """The code with which it is closed; 0 if without one, None if it is still open and answers."""
        opened.socket.settimeout(seconds)
        try:
            while True:
                opened.receive()
        except Closed as closed:
            return closed.code or 0
        except ConnectionError:
            return 0
        except TimeoutError:
            return None

    def memory(self):
        """Resident bytes now, and the peak is counted anew from here; None without --pid."""
        if self.pid is None:
            return None
        with open(f"/proc/{self.pid}/clear_refs", "w") as file:
            file.write("5")
        return self._status_field("VmRSS")

    def expect_memory(self, before):
        if before is not None:
            grown = self._status_field("VmHWM") - before
            self.expect(grown < MEMORY, f"its memory grew by {grown / MEBIBYTE:.1f} MiB at the peak")

    def _status_field(self, name):
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ":"))


# Web pages

def cross_origin_post(attack):
    for origin in ("http://evil.example", "null", f"https://{attack.daemon.host}", "http://localhost:1", ""):
        status = attack.post("Content-Type: application/json", f"Origin: {origin}")
        attack.expect(status == 403, f"POST with Origin '{origin}' → {status}")
    own = attack.post("Content-Type: application/json", f"Origin: http://{attack.daemon.host}")
    attack.expect(own == 202, f"POST with the page's own Origin → {own}")


def text_plain_post(attack):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "text/plain; x=application/json", "application/jsonp", ""):
        for header in ([f"Content-Type: {kind}"], [f"Content-Type: {kind}", "Content-Type: application/json"]):
            status = attack.post(*header)
            attack.expect(status == 415 or status == 400 and len(header) == 2, f"POST as {header} → {status}")


FOREIGN_HOSTS = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:1.evil.example",
                 "127.0.0.1@evil.example", "[::1", "[::1].evil.example", "0.0.0.0", "127.0.0.1:80:80")


def rebinding_host(attack):
    for host in FOREIGN_HOSTS:
        status = attack.get(host=host)
        attack.expect(status in (400, 403), f"GET with Host {host} → {status}")
        status = attack.post("Content-Type: application/json", host=host)
        attack.expect(status in (400, 403), f"POST with Host {host} → {status}")
    own = attack.daemon.host
    for what, text in (
            ("two Hosts", f"GET /api/v1/health HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n\r\n"),
            ("two Hosts, turned", f"GET /api/v1/health HTTP/1.1\r\nHost: evil.example\r\nHost: {own}\r\n\r\n"),
            ("no Host", "GET /api/v1/health HTTP/1.1\r\nAccept: */*\r\n\r\n"),
            ("a whole URL of evil.example", f"GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: {own}\r\n\r\n"),
            ("a whole URL, and Host evil.example",
             f"GET http://{own}/api/v1/health HTTP/1.1\r\nHost: evil.example\r\n\r\n")):
        status = attack.status(text.encode())
        attack.expect(status in (400, 403, 404), f"{what} → {status}")


def websocket_foreign_origin(attack):
    for origin in ("http://evil.example", "null", f"https://{attack.daemon.host}", "http://localhost:1"):
        status = attack.upgrade(f"Origin: {origin}")
        attack.expect(status == 403, f"upgrade with Origin {origin} → {status}")
    both = attack.upgrade(f"Origin: http://{attack.daemon.host}", "Origin: http://evil.example")
    attack.expect(both in (400, 403), f"upgrade with two Origins → {both}")


def websocket_rebinding_host(attack):
    for host in FOREIGN_HOSTS:
        for headers in ([], [f"Origin: http://{host}"]):
            status = attack.upgrade(*headers, host=host)
            attack.expect(status in (400, 403), f"upgrade with Host {host} {headers} → {status}")


# Slow ones

def dawdle(attack, beginnings):
    """Each beginning twice: once silent after it, once with a byte more each second. All at once."""
    started = time.monotonic()
    open_ones = {}
    for what, beginning, drip in beginnings:
        for drips in (False, True):
            connection = attack.daemon.connect()
            connection.sendall(beginning)
            open_ones[connection] = (f"{what}, {'a byte a second' if drips else 'then silence'}", drips and drip)
    next_drip = started + 1
    while open_ones and (now := time.monotonic()) < started + LET_GO + SOON:
        for connection in select.select(list(open_ones), [], [], max(0, next_drip - now))[0]:
            try:
                ended = not connection.recv(65536)
            except ConnectionError:
                ended = True
            if ended:
                what, _ = open_ones.pop(connection)
                connection.close()
                seconds = time.monotonic() - started
                attack.expect(seconds <= LET_GO, f"{what}: closed after {seconds:.1f} s")
        if time.monotonic() >= next_drip:
            next_drip += 1
            for connection, (_, drip) in list(open_ones.items()):
                try:
                    if drip:
                        connection.send(drip)
                except ConnectionError:
                    pass  # the end is read above
    for connection, (what, _) in open_ones.items():
        connection.close()
        attack.expect(False, f"{what}: still open after {LET_GO + SOON} s")


def slowloris_headers(attack):
    own = attack.daemon.host
    dawdle(attack, [
        ("nothing at all", b"", b"G"), ("half a request line", b"GET /api/v1/hea", b"l"),
        ("half the headers", f"GET /api/v1/health HTTP/1.1\r\nHost: {own}\r\nX-A: ".encode(), b"a"),
        ("header after header", f"GET /api/v1/health HTTP/1.1\r\nHost: {own}\r\n".encode(), b"X: y\r\n")])


def slowloris_body(attack):
    head = f"POST /api/v1/cancel HTTP/1.1\r\nHost: {attack.daemon.host}\r\nContent-Type: application/json\r\n"
    dawdle(attack, [("half a body", f"{head}Content-Length: 4000\r\n\r\n{{".encode(), b" "),
                    ("half a chunk", f"{head}Transfer-Encoding: chunked\r\n\r\nfa0\r\n{{".encode(), b" ")])


def slowloris_upgrade(attack):
    whole = handshake(attack.daemon.host)
    dawdle(attack, [("half a WebSocket upgrade", whole[:-2], b"X: y\r\n"),
                    ("an upgrade to something unknown", whole.replace(b"websocket", b"sockets")[:-2], b"X: y\r\n")])


# Large ones

def pour(connection, data, total):
    """Sends up to `total` bytes of repeated `data`, as long as they are taken; returns how many were."""
    sent = 0
    connection.settimeout(SOON)
    try:
        while sent < total:
            sent += connection.send(data[:total - sent])
    except (ConnectionError, TimeoutError):
        pass
    return sent


def answer_of(connection):
    try:
        with connection.makefile("rb") as reader:
            return read_head(reader)[0]
    except (ConnectionError, TimeoutError):
        return None


def huge_header(attack):
    before = attack.memory()
    for what, start, piece in (("one header", "X: ", b"x" * 65536), ("many headers", "", b"X-%d: y\r\n" % 1 * 6000),
                               ("the path", None, b"x" * 65536)):
        with attack.daemon.connect() as connection:
            connection.sendall(b"GET /" if start is None else
                               f"GET /api/v1/health HTTP/1.1\r\nHost: {attack.daemon.host}\r\n{start}".encode())
            sent = pour(connection, piece, 50 * MEBIBYTE)
            status = answer_of(connection)
        attack.expect(status is None or 400 <= status < 500,
                      f"50 MiB in {what}: {sent / MEBIBYTE:.1f} were taken, → {status or 'hung up'}")
    attack.expect_memory(before)


def huge_body(attack):
    before = attack.memory()
    head = f"POST /api/v1/cancel HTTP/1.1\r\nHost: {attack.daemon.host}\r\nContent-Type: application/json\r\n"
    size = 8 * MEBIBYTE
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    for what, start, piece in (("8 MiB", f"Content-Length: {size}\r\n\r\n", b" " * 65536),
                               ("8 MiB in chunks", "Transfer-Encoding: chunked\r\n\r\n", chunk),
                               ("a length of 2^63", "Content-Length: 9223372036854775807\r\n\r\n", b" " * 65536)):
        with attack.daemon.connect() as connection:
            connection.sendall((head + start).encode())
            sent = pour(connection, piece, size)
            status = answer_of(connection)
        attack.expect(status == 413,
                      f"a body of {what}: {sent / MEBIBYTE:.1f} MiB were taken, → {status or 'hung up'}")
    attack.expect_memory(before)


# WebSocket

def huge_frame(attack):
    before = attack.memory()
    size = 8 * MEBIBYTE
    for what, text in (("4097 bytes", frame(b"x" * 4097)),
                       ("8 MiB that are only announced", bytes([0x81, 0xFF]) + struct.pack(">Q", size) + bytes(4)),
                       ("2^63 bytes", bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 63) + bytes(4))):
        if opened := attack.websocket():
            opened.socket.sendall(text)
            code = attack.close_code(opened)
            opened.close()
            attack.expect(code in (0, 1002, 1009) if "2^63" in what else code == 1009,
                          f"a frame of {what} → {code if code is not None else 'still open'}")
    if opened := attack.websocket():
        sent = pour(opened.socket, frame(b"x" * size)[:14] + b"x" * 65536, 14)
        sent += pour(opened.socket, b"x" * 65536, size)
        code = attack.close_code(opened)
        opened.close()
        attack.expect(code in (0, 1009), f"a frame of 8 MiB: {sent / MEBIBYTE:.1f} MiB were taken, → "
                      f"{code if code is not None else 'still open'}")
    if opened := attack.websocket():
        small = frame(b"x" * 1024, final=False) + frame(b"x" * 1024, opcode=0, final=False) * 8191
        sent = pour(opened.socket, small, len(small))
        print(f"  a message of 8 MiB in 8192 parts: {sent / MEBIBYTE:.1f} MiB were taken")
        opened.close()
    if opened := attack.websocket():
        opened.socket.sendall(frame(b"x" * 4096) + frame(b"still there?", opcode=9))
        answered = pong(opened)
        opened.close()
        attack.expect(answered, "a frame of 4096 bytes is ignored, and a ping behind it is answered")
    attack.expect_memory(before)


def pong(opened):
    """Whether a pong comes; reads frames by hand, since a client passes over pongs."""
    try:
        while True:
            first, second = opened._read(2)
            length = second & 0x7F
            if length >= 126:
                wide = length == 127
                (length,) = struct.unpack(">Q" if wide else ">H", opened._read(8 if wide else 2))
            opened._read(length)
            if first & 0x0F == 10:
                return True
            if first & 0x0F == 8:
                return False
    except (Closed, OSError):
        return False


def wrong_frames(attack, frames):
    for what, text in frames:
        if opened := attack.websocket():
            opened.socket.sendall(text)
            code = attack.close_code(opened)
            opened.close()
            attack.expect(code == 1002, f"{what} → {code if code is not None else 'still open'}")


def unmasked_frame(attack):
    wrong_frames(attack, [("an unmasked text", frame(b"hello", masked=False)),
                          ("an unmasked ping", frame(b"", opcode=9, masked=False))])


def control_frame(attack):
    wrong_frames(attack, [("half a ping", frame(b"half", opcode=9, final=False)),
                          ("half a close", frame(struct.pack(">H", 1000), opcode=8, final=False)),
                          ("a ping of 126 bytes", frame(b"x" * 126, opcode=9)),
                          ("a frame of the unknown kind 3", frame(b"", opcode=3)),
                          ("a frame with a reserved bit", b"\xc1\x80" + bytes(4)),
                          ("a continuation of nothing", frame(b"x", opcode=0))])


# Many

def others_answered(attack, what):
    for name, daemon in (("another", attack.daemon), ("one on the socket", attack.local)):
        if daemon is None:
            continue
        started = time.monotonic()
        try:
            with daemon.connect() as connection:
                connection.settimeout(2 * LET_GO)
                connection.sendall(f"GET /api/v1/health HTTP/1.1\r\nHost: {daemon.host}\r\n\r\n".encode())
                status = answer_of(connection)
        except OSError as error:
            status = error
        seconds = time.monotonic() - started
        attack.expect(status == 200 and seconds <= LET_GO,
                      f"beside {what}, {name} is answered {status or 'nothing'} after {seconds:.2f} s")


def crowd(attack, count, hello):
    """So many connections that say hello and stay."""
    # Those of an earlier crowd have been let go once this is answered.
    attack.get()
    connections = []
    for _ in range(count):
        connection = socket.socket(socket.AF_INET6 if ":" in attack.daemon.address[0] else socket.AF_INET)
        connection.setblocking(False)
        connection.connect_ex(attack.daemon.address)
        connections.append(connection)
    waiting, deadline = set(connections), time.monotonic() + SOON
    while waiting and (left := deadline - time.monotonic()) > 0.01:
        # No more than 1,024 descriptors fit into select.
        poll = select.poll()
        for connection in waiting:
            poll.register(connection, select.POLLOUT)
        ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
        for connection in [one for one in waiting if one.fileno() in ready]:
            waiting.discard(connection)
            try:
                connection.send(hello)
            except OSError:
                pass
    print(f"  {count - len(waiting)} of {count} connections stand")
    return connections


def many_connections(attack):
    before = attack.memory()
    for what, hello in (("1,000 silent connections", b""), ("1,000 half requests", b"GET /api/v1/health HT")):
        connections = crowd(attack, 1000, hello)
        others_answered(attack, what)
        for connection in connections:
            connection.close()
    attack.expect_memory(before)


def many_websockets(attack):
    before = attack.memory()
    for what, hello in (("1,000 WebSockets that never read", handshake(attack.daemon.host)),
                        ("1,000 event streams that never read",
                         f"GET /api/v1/events HTTP/1.1\r\nHost: {attack.daemon.host}\r\n\r\n".encode())):
        connections = crowd(attack, 1000, hello)
        others_answered(attack, what)
        for connection in connections:
            connection.close()
    if before is not None:
        print(f"  its memory grew by {(attack._status_field('VmHWM') - before) / MEBIBYTE:.1f} MiB at the peak")


# HTTP itself

def smuggling(attack):
    own = attack.daemon.host
    head = f"POST /api/v1/cancel HTTP/1.1\r\nHost: {own}\r\nContent-Type: application/json\r\n"
    hidden = f"GET /api/v1/health HTTP/1.1\r\nHost: {own}\r\n\r\n"
    for what, text in (
            ("length and chunks", f"{head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
            ("chunks and length", f"{head}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n{hidden}"),
            ("two lengths", f"{head}Content-Length: 0\r\nContent-Length: 6\r\n\r\n{hidden}"),
            ("two lengths in one", f"{head}Content-Length: 0, 6\r\n\r\n{hidden}"),
            ("a signed length", f"{head}Content-Length: +0\r\n\r\n{hidden}"),
            ("a space before the colon", f"{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
            ("an unknown encoding", f"{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
            ("chunks that are not last", f"{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
            ("a folded header", f"{head}X: a\r\n Content-Length: 6\r\nContent-Length: 0\r\n\r\n{hidden}"),
            ("a wrong chunk size", f"{head}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{{}}\r\n0\r\n\r\n{hidden}"),
            ("a bare CR", f"{head}X: a\rContent-Length: 6\r\nContent-Length: 0\r\n\r\n{hidden}")):
        received = attack.request(text.encode())
        statuses = [int(part.split(b" ")[0]) for part in received.split(b"HTTP/1.1 ")[1:]]
        attack.expect(200 not in statuses and all(400 <= status < 500 for status in statuses),
                      f"{what} → {statuses or 'hung up'}")


def traversal(attack):
    for target in ("/../../etc/passwd", "/.." * 12 + "/etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                   "/..%2f..%2fetc/passwd",
                   "/%252e%252e/etc/passwd", "//etc/passwd", "/etc/passwd", "/\\..\\..\\etc\\passwd", "/%00",
                   "/index.html%00.js", "/api/v1/jobs/..%2f..%2f..%2fetc%2fpasswd", "/api/v1/jobs/%00",
                   "/api/v1/jobs/x/pictures/..%2f..%2ffirst", "/api/v1/jobs/%2e%2e/pictures/first",
                   "/api/v1/openapi.yaml/../../../etc/passwd", "/%c0%ae%c0%ae/etc/passwd", "/api/v1/../../etc/passwd"):
        received = attack.request(
            f"GET {target} HTTP/1.1\r\nHost: {attack.daemon.host}\r\nConnection: close\r\n\r\n".encode())
        status = received.split(b" ", 2)[1].decode() if received.count(b" ") else "hung up"
        attack.expect(status == "404" and b"root:" not in received, f"GET {target[:60]} → {status}")
    received = attack.request(f"GET /\0/x HTTP/1.1\r\nHost: {attack.daemon.host}\r\n\r\n".encode())
    status = received.split(b" ", 2)[1].decode() if received.count(b" ") else "hung up"
    attack.expect(status in ("400", "404", "hung up"), f"GET with a NUL byte → {status}")


CASES = {
    "cross-origin-post": cross_origin_post,
    "text-plain-post": text_plain_post,
    "rebinding-host": rebinding_host,
    "websocket-foreign-origin": websocket_foreign_origin,
    "websocket-rebinding-host": websocket_rebinding_host,
    "slowloris-headers": slowloris_headers,
    "slowloris-body": slowloris_body,
    "slowloris-upgrade": slowloris_upgrade,
    "huge-header": huge_header,
    "huge-body": huge_body,
    "huge-frame": huge_frame,
    "unmasked-frame": unmasked_frame,
    "control-frame": control_frame,
    "many-connections": many_connections,
    "many-websockets": many_websockets,
    "smuggling": smuggling,
    "traversal": traversal,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="of a running daemon")
    parser.add_argument("--socket", help="of the same daemon")
    parser.add_argument("--pid", type=int, help="of the same daemon")
    parser.add_argument("--case", required=True, choices=[*CASES, "all"])
    arguments = parser.parse_args()
    # A thousand connections and some more.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)) if hard >= 0 else 4096, hard))
    attack = Attack(Daemon(arguments.url), Daemon(path=arguments.socket) if arguments.socket else None, arguments.pid)
    for name, case in CASES.items():
        if arguments.case in (name, "all"):
            print(name)
            try:
                case(attack)
                # Whatever it was, the daemon is there still.
                status = attack.get()
                attack.expect(status == 200, f"after it, GET /api/v1/health → {status}")
            except OSError as error:
                attack.expect(False, f"{error!r}")
    return 1 if attack.failed else 0


if __name__ == "__main__":
    sys.exit(main())
