"""A process module with a fault that nobody foresaw."""

from __future__ import annotations

from edge_agent.runner import Context


def run(context: Context) -> None:
    context.beat(share=1 / (context.settings.upload.rate_bytes_per_s))
