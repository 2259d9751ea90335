"""From an event's span in the ring to watchable proxies and a manifest."""
