"""The attacker's means: one file a means, found by being here, each with its `MEAN`."""

from importlib import import_module
from pkgutil import iter_modules

from testbed.scenarios.means.mean import Mean


def _discover() -> dict[str, Mean]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    means: list[Mean] = [module.MEAN for module in modules if hasattr(module, "MEAN")]
    return {mean.name: mean for mean in means}


MEANS = _discover()
