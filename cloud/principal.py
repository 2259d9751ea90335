"""Who asks, and for which sites. Every query takes a principal first and shows nothing beyond its sites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Self

from shared.errors import Refused

PrincipalKind = Literal["person", "bed", "system"]
ALL_SITES = "*"
"""The mark of the system principal alone; no site can bear this name."""
INSTALLATION = "-"
"""The audit chain for deeds that belong to no site, such as a failed login; no site can bear this name."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, a bed or the system itself. `name` is the account, `{site}.{bed}` or the process."""

    name: str
    kind: PrincipalKind
    roles: frozenset[str] = field(default_factory=frozenset)
    sites: frozenset[str] = field(default_factory=frozenset)
    grants: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """A person's (site, role) pairs: what `roles` and `sites` are made of."""

    @classmethod
    def person(cls, name: str, grants: Iterable[tuple[str, str]]) -> Self:
        """The principal of an account with these grants."""
        pairs = frozenset(grants)
        return cls(name, "person", frozenset(role for _, role in pairs), frozenset(site for site, _ in pairs), pairs)

    def within(self, roles: frozenset[str]) -> Self:
        """The same person where one of these roles is held, and nowhere else."""
        return self.person(self.name, (pair for pair in self.grants if pair[1] in roles))

    @classmethod
    def system(cls, process: str) -> Self:
        """The principal of a process that serves all sites, such as the worker."""
        return cls(f"system:{process}", "system", frozenset(), frozenset({ALL_SITES}))

    @classmethod
    def bed(cls, site: str, bed: str) -> Self:
        """The principal of one bed: one site."""
        return cls(f"{site}.{bed}", "bed", frozenset(), frozenset({site}))

    @property
    def sees_all_sites(self) -> bool:
        return self.kind == "system" and ALL_SITES in self.sites

    def sees(self, site: str) -> bool:
        """Whether rows of this site exist for this principal."""
        return self.sees_all_sites or site in self.sites

    def site_filter(self) -> dict[str, list[str]]:
        """Keyword for Tortoise's `filter`: nothing for the system, `site__in` for all others."""
        return {} if self.sees_all_sites else {"site__in": sorted(self.sites - {ALL_SITES})}

    def must_see(self, site: str) -> None:
        """Raises Refused in words of absence when the site is not this principal's."""
        if not self.sees(site):
            raise Refused("There is nothing here under this name.", principal=self.name, site=site)
