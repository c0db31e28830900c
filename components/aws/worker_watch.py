"""What tells people that a worker has ended for good: users do not notice, and ECS does nothing about it.

The worker is not essential to its task, so that requests outlive it, and ECS starts it again in place only after it has
run for a minute. One that ends sooner stays away until the task is replaced.
"""

import json

import pulumi
import pulumi_aws as aws

from components.workload import WORKER

EVENTS = "events.amazonaws.com"
"""The service that hands the event to the topic. AWS supports no condition on the source of what it publishes, neither
in the topic's policy nor in its key's: with one every message would be dropped, and nobody would be told."""
SAYS = (
    "The worker of a task has ended, and ECS does not start it again: documents wait longer, or for ever where no "
    "other task runs. The end of its log says why. Then stop the task, and ECS starts another one: "
    "aws ecs stop-task --cluster <cluster> --task <task>"
)


def worker_ended(
    cluster: pulumi.Input[str], service_name: pulumi.Input[str], worker: str = WORKER.name
) -> pulumi.Output[str]:
    """The pattern of the events by which ECS reports it: the task is to run and runs, and its worker has stopped.

    `cluster` is an ARN. A task that is being replaced is no such task: it is to stop.
    """
    return pulumi.Output.json_dumps(
        {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {
                "clusterArn": [cluster],
                "group": [pulumi.Output.concat("service:", service_name)],
                "desiredStatus": ["RUNNING"],
                "lastStatus": ["RUNNING"],
                "containers": {"name": [worker], "lastStatus": ["STOPPED"]},
            },
        }
    )


def watch_worker(
    name: str, *, prefix: str, pattern: pulumi.Output[str], topic: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> None:
    """The rule that finds these events, and tells the topic what happened and what to do."""
    rule = aws.cloudwatch.EventRule(
        f"{name}-worker",
        name=f"{prefix}-worker-ended",
        description="A worker has ended in a task that goes on running",
        event_pattern=pattern,
        opts=opts,
    )
    aws.cloudwatch.EventTarget(
        f"{name}-worker-topic",
        rule=rule.name,
        target_id="topic",
        arn=topic,
        input_transformer=aws.cloudwatch.EventTargetInputTransformerArgs(
            input_paths={"cluster": "$.detail.clusterArn", "task": "$.detail.taskArn"},
            input_template=json.dumps(SAYS),
        ),
        opts=opts,
    )
