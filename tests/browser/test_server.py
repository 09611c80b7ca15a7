"""The server listens to this machine only."""

import http.client
import json
import socket
import urllib.request

import pytest


def shake_hands(server, host, origin):
    """Ask for a WebSocket as a page of another site would; return the status."""
    port = int(server.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {
        "Host": f"{host}:{port}",
        "Origin": f"http://{origin}:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    connection.request("GET", "/_stcore/stream", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(("host", "origin"), [("evil.example", "evil.example"), ("127.0.0.1", "evil.example")])
def test_a_foreign_page_gets_no_connection(host, origin, server):
    assert shake_hands(server, host, origin) == 403


def test_this_machine_gets_one(server):
    assert shake_hands(server, "127.0.0.1", "127.0.0.1") == 101


def test_no_page_that_frames_the_app_may_command_it(server):
    with urllib.request.urlopen(f"{server.url}/_stcore/host-config", timeout=10) as answer:
        assert json.load(answer)["allowedOrigins"] == []


def test_other_machines_cannot_reach_the_port(server):
    port = int(server.url.rsplit(":", 1)[1])
    # 127.0.0.2 is this machine too, but another address: a server bound to every interface would answer there.
    with socket.socket() as probe:
        probe.settimeout(2)
        assert probe.connect_ex(("127.0.0.2", port)) != 0
