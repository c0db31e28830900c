"""Settings in, outputs out. Read on in stacks/settings/, then in the stack file of your cloud."""

import pulumi

from stacks import compose
from stacks.settings import read_settings

for output, value in compose(read_settings()).items():
    pulumi.export(output, value)
