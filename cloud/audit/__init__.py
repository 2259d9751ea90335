"""Who did what to what, in one chain of hashes a site. `record` is called inside the transaction of the deed."""

from cloud.audit.service import record

__all__ = ["record"]
