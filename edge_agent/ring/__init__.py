"""The ring: sealed segments on disk, their catalogue, the ledger of gaps, and what keeps them true."""
