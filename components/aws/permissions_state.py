"""What reading and writing the stack's state needs of IAM: in a bucket, as Pulumi lays it out there, and by a key."""

from components.aws.arns import arn
from components.aws.policies import Grant, Scope, State

META = ".pulumi/meta.yaml"
"""Says how the bucket is laid out. It is written when the first stack of all is made, and read by every command."""


def state(scope: Scope) -> tuple[Grant, ...]:
    """Pulumi's own state: a preview reads it and takes no lock.

    To read it a preview must open its secrets, if a key of AWS closed them: who may open a pull request from within
    the repository can read them. Pulumi Cloud has the same property; a preview of public forks gets no token at all.
    """
    return (*(_bucket(scope.state) if scope.state else ()), *(_key(scope.state_key) if scope.state_key else ()))


def _bucket(state: State) -> tuple[Grant, ...]:
    """This stack's objects, and no other's: whoever reads a state can read what stands in it as plain text.

    A question for an object that does not exist (the stack's tags, mostly) is answered by "not found" only to those
    who may list the bucket by the object's own name as the prefix, and Pulumi takes any other answer for a failure.
    """
    bucket = arn("s3", state.bucket)
    names = _names(state)
    return (
        Grant(
            sid="StateFind",
            reads=True,
            actions=("s3:ListBucket",),
            resources=(bucket,),
            when={"StringLike": {"s3:prefix": (META, *names)}},
        ),
        Grant(
            sid="StateRead",
            reads=True,
            actions=("s3:GetObject",),
            resources=tuple(f"{bucket}/{name}" for name in (META, *names)),
        ),
        Grant(
            sid="StateWrite",
            actions=("s3:DeleteObject", "s3:PutObject"),
            resources=tuple(f"{bucket}/{name}" for name in names),
        ),
    )


def _names(state: State) -> tuple[str, ...]:
    """Where the stack's objects lie. The dot and the slashes keep `prod` from reaching `prod-eu`."""
    of, stack = state.project, state.stack
    return (
        f".pulumi/stacks/{of}/{stack}.*",
        *(f".pulumi/{folder}/{of}/{stack}/*" for folder in ("history", "backups", "locks/organization")),
    )


def _key(key: str) -> tuple[Grant, ...]:
    return (
        Grant(sid="StateOpen", reads=True, actions=("kms:Decrypt",), resources=(key,)),
        Grant(sid="StateClose", actions=("kms:Encrypt", "kms:GenerateDataKey"), resources=(key,)),
    )
