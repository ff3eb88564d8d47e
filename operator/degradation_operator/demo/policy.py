"""The demo's policy, with the addresses of the servers that the demo started.

`policy.yaml` is `examples/demo.yaml`, beside the code so that it is there in an installed wheel; a test keeps
the two alike.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import yaml

NAME: Final = "policy.yaml"


def policy_text() -> str:
    """`examples/demo.yaml` as it was shipped."""
    return files(__package__).joinpath(NAME).read_text()


def placed(text: str, places: Mapping[str, Mapping[str, Any]]) -> str:
    """Put servers' addresses into a policy.

    Args:
        text: The policy.
        places: By dependency name, the fields of its probe's kind that differ.
    """
    policy = yaml.safe_load(text)
    for dependency in policy["spec"]["dependencies"]:
        (kind,) = (key for key in dependency["probe"] if isinstance(dependency["probe"][key], dict))
        dependency["probe"][kind] |= places.get(dependency["name"], {})
    rendered: str = yaml.safe_dump(policy, sort_keys=False)
    return rendered
