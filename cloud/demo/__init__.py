"""The demonstration: broker, database, cloud and two simulated beds on one machine, started and stopped by one command."""
