"""Who did what to what, in one chain of hashes a site. `record` is called inside the transaction of the deed."""

from cloud.audit.rules import Detail
from cloud.audit.service import Deed, record, record_all

__all__ = ["Deed", "Detail", "record", "record_all"]
