"""A server on loopback that speaks the protocols in which boto3 asks ECS, CloudWatch Logs and load balancers."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tests.aws.fake_ecs import FakeEcs, Request

BALANCING = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, ecs: FakeEcs) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ecs = ecs


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers["X-Amz-Target"]
        if target is None:
            self._send("text/xml", *self._balancing(dict(parse_qsl(body.decode()))))
        else:
            operation = target.rpartition(".")[2]
            self._send("application/x-amz-json-1.1", *self._json(operation, cast("Request", json.loads(body or b"{}"))))

    def _json(self, operation: str, request: Request) -> tuple[int, str]:
        try:
            return 200, json.dumps(self._ecs.answer(operation, request))
        except KeyError as error:
            return 400, json.dumps({"__type": "InvalidParameterException", "message": f"{operation}: no {error} here"})

    def _balancing(self, request: Mapping[str, str]) -> tuple[int, str]:
        """The older protocol: a form is asked, XML answers."""
        rules = self._ecs.weights(request["ListenerArn"]) if request["Action"] == "DescribeRules" else None
        if rules is None:
            error = "<Error><Type>Sender</Type><Code>ListenerNotFound</Code><Message>none such</Message></Error>"
            return 400, f'<ErrorResponse xmlns="{BALANCING}">{error}</ErrorResponse>'
        found = "".join(_rule(arn, groups) for arn, groups in rules.items())
        answer = f"<DescribeRulesResult><Rules>{found}</Rules></DescribeRulesResult>"
        return 200, f'<DescribeRulesResponse xmlns="{BALANCING}">{answer}</DescribeRulesResponse>'

    @property
    def _ecs(self) -> FakeEcs:
        return cast("_Server", self.server).ecs

    def _send(self, kind: str, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
        """Keeps the tests' output quiet."""


def _rule(arn: str, groups: Mapping[str, int]) -> str:
    targets = "".join(
        f"<member><TargetGroupArn>{group}</TargetGroupArn><Weight>{weight}</Weight></member>"
        for group, weight in groups.items()
    )
    forward = f"<ForwardConfig><TargetGroups>{targets}</TargetGroups></ForwardConfig>"
    action = f"<member><Type>forward</Type>{forward}</member>"
    return f"<member><RuleArn>{arn}</RuleArn><IsDefault>false</IsDefault><Actions>{action}</Actions></member>"


@contextmanager
def serving(ecs: FakeEcs) -> Generator[dict[str, str]]:
    """Serves on loopback; yields the environment in which boto3 finds it and nothing of the machine's own."""
    with _Server(ecs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield {
                "AWS_ENDPOINT_URL_ECS": address,
                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": address,
                "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": address,
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "example",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            }
        finally:
            server.shutdown()
            thread.join(timeout=10)
