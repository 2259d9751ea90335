"""The bed's promise: events, their messages and the clips' stages in one database, until the cloud's receipt."""
