"""`likewise audit`: what a compliance reviewer runs."""

from __future__ import annotations

from api.cli.lazy_group import LazyGroup, Verb

command = LazyGroup(
    name="audit",
    verbs={
        "black-box": Verb("api.cli.audit.black_box", "Attack a running deployment from outside."),
        "wall": Verb("api.cli.audit.wall", "Show what the public plane cannot reach."),
    },
    help="Prove the privacy, do not assert it: what a compliance reviewer runs.",
)
