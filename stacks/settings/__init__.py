"""What a stack may say: `reader` judges it, one model per target says what there is."""

from stacks.settings.aws import AwsSettings
from stacks.settings.kubernetes import KubernetesSettings
from stacks.settings.local import LocalSettings
from stacks.settings.model import PROJECT
from stacks.settings.reader import Settings, SettingsError, parse_settings, read_settings

__all__ = [
    "PROJECT",
    "AwsSettings",
    "KubernetesSettings",
    "LocalSettings",
    "Settings",
    "SettingsError",
    "parse_settings",
    "read_settings",
]
