"""Who this box is to the cloud: its key, made here and never sent; its certificate, asked for with a code and renewed in time."""
