"""The app of a worker of the platform plane: `create` is called in the worker."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from api.http.system import clock_ms, uptime
from api.platform.app import build_platform_app
from api.platform.dependencies import make_dependencies
from privacy.store.clock import MAX_AGE_MS, StoreClock
from privacy.store.settings import Settings

if TYPE_CHECKING:
    from flask import Flask


def create() -> Flask:
    """Makes the app from the environment; see `privacy.store.settings`.

    Raises:
        PolicyError: see `make_dependencies`.
        StoreError: see `make_dependencies`.
    """
    dependencies = make_dependencies(Settings.from_environment(os.environ))
    clock = StoreClock(dependencies.client, clock_ms, uptime, MAX_AGE_MS)
    return build_platform_app(replace(dependencies, believed_clock=clock), clock)
