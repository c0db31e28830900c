"""What ECS keeps as one revision of a service: whatever of it is another begins a deployment, which may go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from mypy_boto3_ecs.type_defs import (
        AdvancedConfigurationTypeDef,
        LoadBalancerTypeDef,
        NetworkConfigurationOutputTypeDef,
        NetworkConfigurationTypeDef,
        ServiceRevisionTypeDef,
    )


@dataclass(frozen=True, kw_only=True)
class ServiceRevision:
    """What the service should run and how it is reached: ARNs, but for subnets and security `groups`.

    `container` and its `port` are what the target groups send requests to. `alternate`, `rule` and `role` are empty
    for a rolling service, which has one target group.
    """

    task_definition: str
    subnets: Sequence[str]
    groups: Sequence[str]
    public_address: bool
    container: str
    port: int
    primary: str
    alternate: str
    rule: str
    role: str

    @staticmethod
    def of(props: Mapping[str, Any]) -> ServiceRevision:
        """As a dynamic resource has it: its wire format knows no whole numbers."""
        told = {**props}
        port = int(told.pop("port"))
        return ServiceRevision(**told, port=port)

    def network(self) -> NetworkConfigurationTypeDef:
        """The network, in the words of ECS."""
        return {
            "awsvpcConfiguration": {
                "subnets": list(self.subnets),
                "securityGroups": list(self.groups),
                "assignPublicIp": "ENABLED" if self.public_address else "DISABLED",
            }
        }

    def balancer(self) -> LoadBalancerTypeDef:
        """The way from the load balancer, in the words of ECS."""
        way: LoadBalancerTypeDef = {
            "targetGroupArn": self.primary,
            "containerName": self.container,
            "containerPort": self.port,
        }
        if self.alternate:
            way["advancedConfiguration"] = {
                "alternateTargetGroupArn": self.alternate,
                "productionListenerRule": self.rule,
                "roleArn": self.role,
            }
        return way

    def describes(self, found: ServiceRevisionTypeDef) -> bool:
        """Whether a revision of ECS is this one in all that it says."""
        return (
            found.get("taskDefinition") == self.task_definition
            and self._is_network(found.get("networkConfiguration", {}))
            and self._are_balancers(found.get("loadBalancers", []))
        )

    def _is_network(self, found: NetworkConfigurationOutputTypeDef) -> bool:
        network = found.get("awsvpcConfiguration", {"subnets": []})
        public = network.get("assignPublicIp", "DISABLED") == "ENABLED"
        return (set(network["subnets"]), set(network.get("securityGroups", [])), public) == (
            set(self.subnets),
            set(self.groups),
            self.public_address,
        )

    def _are_balancers(self, found: Sequence[LoadBalancerTypeDef]) -> bool:
        """The two groups in either order: which of them serves is ECS's business, and another with each release."""
        if len(found) != 1:
            return False
        more: AdvancedConfigurationTypeDef | Mapping[str, str] = found[0].get("advancedConfiguration", {})
        groups = {found[0].get("targetGroupArn", ""), more.get("alternateTargetGroupArn", "")}
        told = (groups, found[0].get("containerName"), found[0].get("containerPort"))
        ours = ({self.primary, self.alternate}, self.container, self.port)
        return (told, more.get("productionListenerRule", ""), more.get("roleArn", "")) == (ours, self.rule, self.role)
