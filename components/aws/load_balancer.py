"""The way in: an Application Load Balancer with TLS, and the groups in which it finds the tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.aws.certificate import domain_address, issued_certificate
from components.aws.handles import LoadBalancerHandle, NetworkHandle, TargetGroup
from components.aws.naming import limited
from components.aws.traffic_guard import TrafficGuard, TrafficGuardArgs
from components.contracts import DeploymentError

HTTP, HTTPS = 80, 443
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""AWS's recommendation: TLS 1.3 (with hybrid post-quantum key exchange), and 1.2 with forward secrecy for others."""
IDLE_SECONDS = 60
"""How long a connection may be silent. The application keeps its end open for longer (KEEPALIVE_SECONDS): one that it
closed while a request was on its way would be a 502."""
CLIENT_KEEP_ALIVE_SECONDS = 3600
MOST_NAME = 32
"""What AWS allows for names of load balancers and target groups."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How a task shows that it can serve: `path` answers 200. Times are seconds, thresholds are answers in a row."""

    path: str
    interval: int
    timeout: int
    healthy: int
    unhealthy: int


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """`prefix` names it; `port` is where the tasks listen.

    With `domain` it serves HTTPS, under a certificate proven in the hosted zone (its id). Without one it serves plain
    HTTP at AWS's own name, if `allow_plain_http` says so. `deregistration_seconds` is what a task that leaves is
    granted for its requests in flight. `two_groups` is for canary and blue/green releases: ECS then decides by the
    rule which group users reach. It can be turned off only while the first group serves, and `again` is the command
    that makes ECS deploy once more, which moves users. `protect` refuses its deletion.
    """

    prefix: str
    network: NetworkHandle
    port: int
    health: HealthCheck
    deregistration_seconds: int
    domain: str | None
    hosted_zone: pulumi.Input[str] | None
    allow_plain_http: bool
    two_groups: bool
    protect: bool
    region: str
    again: str


class LoadBalancer(pulumi.ComponentResource):
    """The public address of the service. `arn` is what a firewall (WAF) attaches itself to."""

    handle: LoadBalancerHandle
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:LoadBalancer", name, None, opts)
        require_a_way_in(args)
        child = pulumi.ResourceOptions(parent=self)
        balancer = _balancer(name, args, child)
        primary = _group(name, "primary", args, child)
        alternate = _group(name, "alternate", args, child) if args.two_groups else None
        listener = _listener(name, args, balancer, primary, child)
        way = TrafficGuardArgs(
            region=args.region,
            listener=listener.arn,
            primary=primary.arn,
            alternate=None if alternate is None else alternate.arn,
            again=args.again,
        )
        guard = TrafficGuard(f"{name}-guard", args=way, opts=child)
        rule = None if alternate is None else _rule(name, listener, (primary, alternate), guard, self)
        url = _address(name, args, balancer, (listener, guard), self)
        self.arn = balancer.arn
        self.handle = LoadBalancerHandle(
            url=url,
            suffix=balancer.arn_suffix,
            primary=_found(primary),
            alternate=None if alternate is None else _found(alternate),
            rule=None if rule is None else rule.arn,
            listener=guard if rule is None else rule,
        )
        self.register_outputs({"url": url})


def require_a_way_in(args: LoadBalancerArgs) -> None:
    """Raises DeploymentError for a load balancer that nobody could use, or whose checks AWS would refuse."""
    if args.domain is None and not args.allow_plain_http:
        raise DeploymentError(
            "there is no domain, so there is no certificate, and keys and documents would cross the internet in plain "
            "text; nothing was deployed. Set aws.domain, or aws.allow_plain_http for a stack without real data"
        )
    if args.domain is not None and args.hosted_zone is None:
        raise DeploymentError(
            f"the domain {args.domain} has no hosted zone, so no certificate could be proven for it and it would lead "
            "nowhere; nothing was deployed. Name the zone of Route 53 that holds the domain"
        )
    if args.health.timeout >= args.health.interval:
        raise DeploymentError(
            f"a health check that waits {args.health.timeout} s and comes every {args.health.interval} s would be "
            "refused by AWS in the middle of the deployment; make the timeout shorter than the interval"
        )


def _balancer(name: str, args: LoadBalancerArgs, child: pulumi.ResourceOptions) -> aws.lb.LoadBalancer:
    return aws.lb.LoadBalancer(
        f"{name}-balancer",
        name=limited(args.prefix, MOST_NAME),
        load_balancer_type="application",
        internal=False,
        ip_address_type="ipv4",
        subnets=args.network.public_subnets,
        security_groups=[args.network.load_balancer_group],
        # Requests that two servers could read in two ways (smuggling) end here.
        drop_invalid_header_fields=True,
        desync_mitigation_mode="defensive",
        # The application believes the last address of X-Forwarded-For, which is the one appended here.
        xff_header_processing_mode="append",
        enable_http2=True,
        idle_timeout=IDLE_SECONDS,
        client_keep_alive=CLIENT_KEEP_ALIVE_SECONDS,
        enable_deletion_protection=args.protect,
        opts=child,
    )


def _group(
    name: str, which: Literal["primary", "alternate"], args: LoadBalancerArgs, child: pulumi.ResourceOptions
) -> aws.lb.TargetGroup:
    """A group of tasks by address. Its name holds the port: a group with another port is made before this one goes."""
    return aws.lb.TargetGroup(
        f"{name}-{which}",
        name=limited(f"{args.prefix}-{which}-{args.port}", MOST_NAME),
        target_type="ip",
        protocol="HTTP",
        protocol_version="HTTP1",
        port=args.port,
        vpc_id=args.network.vpc_id,
        # Requests differ by orders of magnitude (an upload, a question): fewest in flight beats taking turns.
        load_balancing_algorithm_type="least_outstanding_requests",
        slow_start=0,
        deregistration_delay=args.deregistration_seconds,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            enabled=True,
            protocol="HTTP",
            port="traffic-port",
            path=args.health.path,
            matcher="200",
            interval=args.health.interval,
            timeout=args.health.timeout,
            healthy_threshold=args.health.healthy,
            unhealthy_threshold=args.health.unhealthy,
        ),
        opts=child,
    )


def _found(group: aws.lb.TargetGroup) -> TargetGroup:
    return TargetGroup(arn=group.arn, suffix=group.arn_suffix)


def _listener(
    name: str,
    args: LoadBalancerArgs,
    balancer: aws.lb.LoadBalancer,
    primary: aws.lb.TargetGroup,
    child: pulumi.ResourceOptions,
) -> aws.lb.Listener:
    """The listener that serves.

    It forwards, also where a rule takes every request before: ECS refuses to shift requests on a listener that mixes
    forwarding with other actions.
    """
    forward = [aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=primary.arn)]
    if args.domain is None or args.hosted_zone is None:
        return aws.lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=HTTP,
            protocol="HTTP",
            default_actions=forward,
            opts=child,
        )
    return aws.lb.Listener(
        f"{name}-https",
        load_balancer_arn=balancer.arn,
        port=HTTPS,
        protocol="HTTPS",
        ssl_policy=TLS_POLICY,
        certificate_arn=issued_certificate(name, args.domain, args.hosted_zone, child),
        default_actions=forward,
        opts=child,
    )


def _address(
    name: str,
    args: LoadBalancerArgs,
    balancer: aws.lb.LoadBalancer,
    first: Sequence[pulumi.Resource],
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The address that users are given. With a domain, whoever comes without TLS is sent to it after `first`."""
    if args.domain is None or args.hosted_zone is None:
        return pulumi.Output.concat("http://", balancer.dns_name)
    child = pulumi.ResourceOptions(parent=parent)
    record = domain_address(name, args.domain, args.hosted_zone, balancer, child)
    # On a stack that served without a domain, port 80 still serves until that which it leads to is there.
    _redirect(name, balancer, pulumi.ResourceOptions(parent=parent, depends_on=[*first, record]))
    return pulumi.Output.concat("https://", record.name)


def _redirect(name: str, balancer: aws.lb.LoadBalancer, opts: pulumi.ResourceOptions) -> None:
    """Whoever comes without TLS is sent to it; nothing is served in plain text."""
    to_https = aws.lb.ListenerDefaultActionRedirectArgs(
        protocol="HTTPS", port=str(HTTPS), status_code="HTTP_301", host="#{host}", path="/#{path}", query="#{query}"
    )
    aws.lb.Listener(
        f"{name}-http",
        load_balancer_arn=balancer.arn,
        port=HTTP,
        protocol="HTTP",
        default_actions=[aws.lb.ListenerDefaultActionArgs(type="redirect", redirect=to_https)],
        opts=opts,
    )


def _rule(
    name: str,
    listener: aws.lb.Listener,
    groups: tuple[aws.lb.TargetGroup, aws.lb.TargetGroup],
    guard: TrafficGuard,
    parent: pulumi.Resource,
) -> aws.lb.ListenerRule:
    """The rule by which ECS moves users from one group to the other. It begins with all of them in the first.

    What it says afterwards belongs to ECS: if Pulumi set it back, users would meet the group that has just been
    emptied.
    """
    weights = [
        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=group.arn, weight=weight)
        for group, weight in zip(groups, (100, 0), strict=True)
    ]
    return aws.lb.ListenerRule(
        f"{name}-production",
        listener_arn=listener.arn,
        priority=1,
        conditions=[
            aws.lb.ListenerRuleConditionArgs(path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=["/*"]))
        ],
        actions=[
            aws.lb.ListenerRuleActionArgs(
                type="forward", forward=aws.lb.ListenerRuleActionForwardArgs(target_groups=weights)
            )
        ],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[guard], ignore_changes=["actions"]),
    )
