"""The cloud: takes events and clips from the beds, brings them to clinicians and to the large network, keeps what was agreed."""
