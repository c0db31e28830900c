"""The ids and names by which a stack file names what exists in AWS already; each refusal shows the form."""

import re
from typing import Annotated

from pydantic import AfterValidator

VPC = re.compile(r"vpc-[0-9a-f]{8,17}")
SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _of_form(form: re.Pattern[str], refusal: str) -> AfterValidator:
    """A text of this form; `refusal` says after it what it is not, what would happen, and what to write."""

    def required(value: str) -> str:
        if form.fullmatch(value) is None:
            raise ValueError(f"{value!r} {refusal}")
        return value

    return AfterValidator(required)


VpcId = Annotated[
    str,
    _of_form(
        VPC,
        "is no id of a VPC, so nothing could be built in it; write vpc- and its 8 or 17 digits from 0 to f "
        "(`aws ec2 describe-vpcs` lists them)",
    ),
]
SubnetId = Annotated[
    str,
    _of_form(
        SUBNET,
        "is no id of a subnet, so nothing could be built in it; write subnet- and its 8 or 17 digits from 0 to f "
        "(`aws ec2 describe-subnets` lists them)",
    ),
]
BucketName = Annotated[
    str,
    _of_form(
        BUCKET,
        "is no name of a bucket, so workflows could not read the stack's state; write the name alone, without s3:// "
        "and without what follows it (3 to 63 small letters, digits, dots and hyphens)",
    ),
]
