"""What each kind of host promises: one file a role, found by being here, each with its `ROLE`."""

from importlib import import_module
from pkgutil import iter_modules

from testbed.roles.role import Role


def _discover() -> dict[str, Role]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    roles: list[Role] = [module.ROLE for module in modules if hasattr(module, "ROLE")]
    return {role.name: role for role in roles}


ROLES = _discover()
