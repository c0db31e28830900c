"""The rollout check against a real server on loopback: an update is green only when users get the release."""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components.contracts import DeploymentError
from components.rollout import AGREEING_ANSWERS, check_rollout
from tests.unit.test_providers import PROVIDERS

pytestmark = pytest.mark.unit

NEW = "sha256:" + "b" * 64
OLD = "sha256:" + "a" * 64
Answer = tuple[int, bytes]


def health(release: str | None, status: int = 200) -> Answer:
    return status, json.dumps({"status": "ok", "release": release}).encode()


class Server(ThreadingHTTPServer):
    """Gives its answers one after the other, and the last one for ever."""

    daemon_threads = True

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/health"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        answers = self.server.answers
        status, body = answers[min(self.server.asked, len(answers) - 1)]
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
        """Keeps the tests' output quiet."""


@contextmanager
def serving(*answers: Answer) -> Generator[Server]:
    with Server(list(answers)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def check(address: str, *, serving_digest: str = NEW, evidence: str = "", seconds: int = 10) -> str:
    return check_rollout(
        address, digest=NEW, serving=serving_digest, evidence=evidence, seconds=seconds, rollback="make rollback"
    )


def refusal(address: str, *, serving_digest: str = NEW, evidence: str = "") -> str:
    with pytest.raises(DeploymentError) as caught:
        check(address, serving_digest=serving_digest, evidence=evidence, seconds=0)
    return str(caught.value)


def test_a_release_that_answers_is_reported_with_the_address_that_was_asked() -> None:
    with serving(health(NEW)) as server:
        assert check(server.address) == f"{server.address} reports bbbbbbbbbbbb"
        assert server.asked == AGREEING_ANSWERS


def test_one_lucky_answer_is_not_enough_because_the_next_user_may_get_the_old_release() -> None:
    with serving(health(NEW), health(OLD), health(NEW), health(NEW), health(NEW)) as server:
        check(server.address)
        assert server.asked == 5


def test_a_release_that_comes_late_but_in_time_is_a_success() -> None:
    with serving(health(OLD), (503, b"{}"), health(NEW)) as server:
        assert "reports" in check(server.address)


def test_an_address_that_stays_on_the_old_release_fails_the_update_and_says_which_it_is() -> None:
    with serving(health(OLD)) as server:
        message = refusal(server.address)
        assert message.startswith("release bbbbbbbbbbbb is not what users get")
        assert f"{server.address} said release aaaaaaaaaaaa for 0 s" in message
        assert "not a success" in message
        assert "`make rollback`" in message


def test_a_platform_that_went_back_fails_the_update_with_its_evidence_and_without_asking_anybody() -> None:
    with serving(health(OLD)) as server:
        message = refusal(server.address, serving_digest=OLD, evidence="worker: ImportError")
        assert server.asked == 0
    assert "release bbbbbbbbbbbb was taken back: release aaaaaaaaaaaa goes on serving" in message
    assert message.endswith("worker: ImportError")


def test_a_first_release_that_failed_leaves_nothing_that_serves_and_the_message_says_so() -> None:
    message = refusal("http://127.0.0.1:1/health", serving_digest="", evidence="log")
    assert "nothing serves as it should" in message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, b"<html>"), "JSONDecodeError"),
        ((200, b""), "JSONDecodeError"),
        ((200, b"\xff\xfe\x00"), "Error"),
        ((200, b"[]"), "something that is not a JSON object"),
        ((200, b"{}"), "no release"),
        (health(None), "no release"),
        ((503, b"{}"), "HTTP Error 503"),
        ((404, b""), "HTTP Error 404"),
    ],
)
def test_whatever_else_answers_is_told_in_words_and_never_a_crash(answer: Answer, words: str) -> None:
    with serving(answer) as server:
        assert words in refusal(server.address)


def test_an_unhealthy_answer_of_the_right_release_is_not_a_success() -> None:
    with serving(health(NEW, status=503)) as server:
        assert "HTTP Error 503" in refusal(server.address)


def test_a_refused_connection_is_told_with_the_platforms_evidence() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}/health"
        message = refusal(address, evidence="the platform's last event")
    assert "Connection refused" in message
    assert message.endswith("the platform's last event")


def test_a_server_that_hangs_up_without_an_answer_is_no_success() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        message = refusal(f"http://127.0.0.1:{listener.getsockname()[1]}/health")
        thread.join()
    assert "is not what users get" in message


def test_a_proxy_of_the_deployers_environment_is_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(health(NEW)) as server:
        assert "reports" in check(server.address, seconds=2)


def test_where_the_address_cannot_be_reached_the_platforms_word_is_taken_and_the_evidence_says_so() -> None:
    used = check_rollout(
        "http://127.0.0.1:9/health", digest=NEW, serving=NEW, evidence="", seconds=0, rollback="", ask=False
    )
    assert used == (
        "the platform serves bbbbbbbbbbbb; http://127.0.0.1:9/health was not asked (rollout.evidence: platform)"
    )


def test_a_platform_that_went_back_fails_the_update_also_where_the_address_is_not_asked() -> None:
    with pytest.raises(DeploymentError, match="was taken back"):
        check_rollout("http://127.0.0.1:9", digest=NEW, serving=OLD, evidence="", seconds=0, rollback="", ask=False)


@pytest.mark.parametrize(
    ("state", "again"), [({"rollout": "deployment/1"}, False), ({"rollout": "0"}, True), ({}, True)]
)
def test_users_are_asked_again_after_another_rollout_of_the_same_release(state: dict[str, str], again: bool) -> None:
    """Another network of the same release passes the platform's own word, and may still not be what users get."""
    alike = {"address": "http://127.0.0.1:1", "digest": NEW, "serving": NEW, "evidence": "", "ask": True}
    found = PROVIDERS["_CheckProvider"]().diff("id", {**alike, **state}, {**alike, "rollout": "deployment/1"})
    assert found.changes is again


def test_a_state_from_before_rollouts_had_names_is_no_reason_to_ask_again() -> None:
    alike = {"address": "http://127.0.0.1:1", "digest": NEW, "serving": NEW, "evidence": "", "ask": True}
    assert PROVIDERS["_CheckProvider"]().diff("id", alike, {**alike, "rollout": ""}).changes is False


def test_what_users_got_before_is_what_can_be_gone_back_to_and_a_repeated_check_does_not_forget_it() -> None:
    with serving(health(NEW)) as server:
        news = {
            "address": server.address, "digest": NEW, "release": "image@new", "serving": NEW, "evidence": "",
            "seconds": 5.0, "rollback": "make rollback", "ask": True, "rollout": "",
        }  # fmt: skip
        provider = PROVIDERS["_CheckProvider"]()
        first = provider.create(news)
        assert (first.outs or {})["previous"] == ""
        olds = dict(first.outs or {}) | {"release": "image@old", "digest": OLD}
        second = provider.update("id", olds, news)
        assert (second.outs or {})["previous"] == "image@old"
        third = provider.update("id", dict(second.outs or {}), news)
        assert (third.outs or {})["previous"] == "image@old"
