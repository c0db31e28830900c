"""What AWS accepts as names, tags and ARNs; each refusal says what would happen and what to write."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

POLICY_ARN = re.compile(r"arn:aws:iam::[0-9]{12}:policy/[A-Za-z0-9+=,.@_/-]+")
OWN_TAGS = ("rag:", "aws:")
MOST_TAGS = 40
"""AWS takes 50 a resource; some are ours, some a resource's own."""
MOST_KEY, MOST_TEXT = 128, 256
TAG_MARKS = "_.:/=+-@"
MOST_CERTIFICATE_NAME = 64
"""What a certificate's common name holds."""


def _as_written(value: object) -> object:
    """YAML reads `007` and `1_000` as numbers, so nobody could tell any more what was written."""
    if isinstance(value, str):
        return value
    raise ValueError(
        "is no text: YAML reads it as a number, a truth value or nothing and drops zeros and underscores, so AWS "
        'would get another tag than you wrote; quote it, for example "007"'
    )


TagText = Annotated[str, BeforeValidator(_as_written)]
"""The value of a tag."""


def require_tags(tags: Mapping[str, str]) -> None:
    """Raises ValueError for tags that one of the services would refuse halfway through, or that are the program's."""
    known: dict[str, str] = {}
    for key, text in tags.items():
        _require_tag(key, text)
        other = known.setdefault(key.lower(), key)
        if other != key:
            raise ValueError(
                f"the tags {other!r} and {key!r} differ in capital letters only: IAM takes them for one and would "
                "refuse the roles in the middle of the deployment; keep one of them"
            )
    if len(tags) > MOST_TAGS:
        raise ValueError(
            f"{len(tags)} tags are over {MOST_TAGS}: resources with tags of their own would fail; remove some"
        )


def _require_tag(key: str, text: str) -> None:
    if key.lower().startswith(OWN_TAGS):
        raise ValueError(
            f"the tag {key!r} is not yours to set: permissions go by the program's own, and AWS refuses aws:; choose "
            "another name"
        )
    if not 0 < len(key) <= MOST_KEY or len(text) > MOST_TEXT:
        raise ValueError(
            f"the tag {key[:40]!r} is over AWS's limits (1 to {MOST_KEY} characters, and {MOST_TEXT} for its value), "
            "and would be refused in the middle of the deployment; shorten it"
        )
    strange = sorted({mark for mark in key + text if not _allowed(mark)})
    if strange:
        raise ValueError(
            f"the tag {key!r} holds {' '.join(map(repr, strange))}, which some services would refuse in the middle of "
            f"the deployment; write letters, digits, spaces and {TAG_MARKS} alone"
        )


def _allowed(mark: str) -> bool:
    """Letters, digits and spaces of any script, and a few marks: what IAM, ECS, ELB and WAF have in common."""
    return mark in TAG_MARKS or unicodedata.category(mark)[0] in "LNZ"


def _require_policy(value: str) -> str:
    if POLICY_ARN.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is no ARN of a policy, so IAM would refuse the roles; write arn:aws:iam::<account>:policy/"
            "<name>"
        )
    return value


PolicyArn = Annotated[str, AfterValidator(_require_policy)]
"""The ARN of a policy that an account runs itself."""


def require_certificate_name(domain: str) -> None:
    """Raises ValueError for a domain that no certificate of ours could bear."""
    if len(domain) > MOST_CERTIFICATE_NAME:
        raise ValueError(
            f"{domain!r} has {len(domain)} characters, and a certificate's name holds {MOST_CERTIFICATE_NAME}: ACM "
            "would refuse it in the middle of the deployment; choose a shorter domain"
        )


def require_region(key: str, arn: str | None, region: str) -> None:
    """Raises ValueError when what an ARN names lies in another region, where AWS would not find it."""
    named = None if arn is None or not arn.startswith("arn:") else arn.split(":")[3]
    if named not in {None, region}:
        raise ValueError(
            f"{key} lies in {named}, and the stack in {region}, where AWS would not find it in the middle of the "
            f"deployment; name one of {region}, or copy it there"
        )


def require_account(key: str, arn: str | None, account: str | None) -> None:
    """Raises ValueError when an ARN names another account than the one that may be deployed to, if that is known."""
    named = None if arn is None else arn.split(":")[4]
    if account is not None and named not in {None, account}:
        raise ValueError(
            f"{key} belongs to account {named}, and aws.account_id is {account}: IAM takes no policy of another "
            "account and would refuse the roles in the middle of the deployment; name one of the stack's own account"
        )
