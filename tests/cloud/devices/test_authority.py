"""The certificate authority: who gets which certificate, and when it is made anew."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.devices import authority
from cloud.devices.authority import Authority
from shared.errors import Misconfigured, Refused


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def usage(path: Path) -> list[x509.ObjectIdentifier]:
    return list(certificate(path).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_bed_is_a_client_and_cannot_pose_as_a_server(tmp_path: Path) -> None:
    ours = Authority.open(tmp_path)
    bed, _ = ours.issue_files("north.bed-1", tmp_path)
    server, _ = ours.issue_files("server", tmp_path, ("localhost", "127.0.0.1"))
    assert usage(bed) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert usage(server) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = certificate(bed).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["north.bed-1"]


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    ours = Authority.open(tmp_path)
    _, key = ours.issue_files("north.bed-1", tmp_path)
    assert {oct(path.stat().st_mode & 0o777) for path in (key, tmp_path / "ca.key")} == {"0o600"}


def test_the_same_files_are_given_again_until_they_near_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Authority.open(tmp_path)
    first = certificate(ours.issue_files("server", tmp_path, ("localhost",))[0])
    again = certificate(Authority.open(tmp_path).issue_files("server", tmp_path, ("localhost",))[0])
    other = certificate(ours.issue_files("server", tmp_path, ("localhost", "10.0.0.1"))[0])
    assert first == again != other
    monkeypatch.setattr(authority, "RENEW_BEFORE", datetime.timedelta(days=800))
    assert certificate(ours.issue_files("server", tmp_path, ("localhost", "10.0.0.1"))[0]) != other


def test_certificates_of_another_authority_are_made_anew(tmp_path: Path) -> None:
    foreign, ours = Authority.open(tmp_path / "a"), Authority.open(tmp_path / "b")
    path, _ = foreign.issue_files("north.bed-1", tmp_path)
    ours.issue_files("north.bed-1", tmp_path)
    certificate(path).verify_directly_issued_by(ours.certificate)


@pytest.mark.parametrize("name", ["", "North.bed", "a/b", "../x", "a b", "x" * 65, "-a"])
def test_a_name_that_could_be_mistaken_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="name"):
        Authority.open(tmp_path).issue(name)


def test_a_damaged_authority_is_named(tmp_path: Path) -> None:
    Authority.open(tmp_path)
    (tmp_path / "ca.key").write_bytes(b"nonsense")
    with pytest.raises(Misconfigured, match="cannot be read"):
        Authority.open(tmp_path)
    Authority.open(tmp_path / "other")
    (tmp_path / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(Misconfigured, match="not its certificate's"):
        Authority.open(tmp_path)
