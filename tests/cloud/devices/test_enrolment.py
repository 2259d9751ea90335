"""How a box becomes a bed, stays one and ceases to be one: over real TLS, with the real authority and database."""

from __future__ import annotations

import asyncio
import ssl
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from cloud.database import DatabaseAddress
from cloud.devices import enrolment
from cloud.devices.bed_authority import make_authority, serial_of
from cloud.devices.tables import BedCertificate, BedEnrolment
from cloud.problems import HttpProblem
from edge_agent.identity.key_files import KeyFiles, new_key, request_pem
from edge_agent.identity.service import enrol, renew
from edge_agent.settings import Settings
from shared.clock import NS_PER_S
from shared.errors import Misconfigured, Refused, Transient
from shared.identity import EnrolmentCode, EnrolmentWish
from tests.cloud.devices.identity_house import OPS, IdentityHouse, serial_in_file

DAY_NS = 86_400 * NS_PER_S


@pytest.fixture
async def house(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[IdentityHouse]:
    found = IdentityHouse(tmp_path)
    async with found.serving():
        yield found


async def enrolled(house: IdentityHouse, name: str = "bed-1") -> Settings:
    box, code = house.box(name), await house.offer(name)
    await asyncio.to_thread(enrol, box, house.enrolment_url, code.text)
    return box


async def wanted(house: IdentityHouse, box: Settings) -> int:
    """The status that the bed interface gives to this box."""
    files = KeyFiles.of(box.mqtt)
    context = ssl.create_default_context(cafile=str(files.ca_file))
    context.load_cert_chain(files.certificate_file, files.key_file)
    async with httpx.AsyncClient(verify=context) as client:
        return (await client.get(f"{box.cloud.url}/bed/v1/wanted")).status_code


async def test_with_a_code_a_box_gets_a_key_of_its_own_and_a_certificate_that_the_bed_interface_takes(
    house: IdentityHouse,
) -> None:
    box = await enrolled(house)
    assert stat.S_IMODE(KeyFiles.of(box.mqtt).key_file.stat().st_mode) == 0o600
    assert await wanted(house, box) == 200
    row = await BedCertificate.get()
    assert (row.site, row.bed, row.serial) == ("north", "bed-1", serial_in_file(KeyFiles.of(box.mqtt).certificate_file))


async def test_a_code_is_good_once(house: IdentityHouse) -> None:
    code = await house.offer()
    await asyncio.to_thread(enrol, house.box(), house.enrolment_url, code.text)
    with pytest.raises(Refused, match="not good here"):
        await asyncio.to_thread(enrol, house.box(), house.enrolment_url, code.text)
    assert await BedCertificate.all().count() == 1


async def test_of_many_boxes_that_try_one_code_at_once_one_gets_a_certificate(house: IdentityHouse) -> None:
    code = await house.offer()
    wish = EnrolmentWish(secret=code.secret, request_pem=request_pem(new_key(), "north.bed-1"))
    tries = [enrolment.enrol(house.authority, wish, time.time_ns()) for _ in range(5)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Certificate", *["HttpProblem"] * 4]
    assert await BedCertificate.all().count() == 1


async def test_a_code_of_another_bed_gives_nothing_and_stays_good_for_its_own(house: IdentityHouse) -> None:
    code = await house.offer("bed-1")
    with pytest.raises(Refused, match="not good here"):
        await asyncio.to_thread(enrol, house.box("bed-2"), house.enrolment_url, code.text)
    assert not (house.folder / "bed-2" / "bed.key").exists()
    await asyncio.to_thread(enrol, house.box("bed-1"), house.enrolment_url, code.text)


async def test_a_code_ends_by_time_and_by_the_next_code(house: IdentityHouse) -> None:
    ended, replaced, newest = await house.offer(life_s=0), await house.offer(), await house.offer()
    for code in (ended, replaced):
        with pytest.raises(Refused, match="not good here"):
            await asyncio.to_thread(enrol, house.box(), house.enrolment_url, code.text)
    await asyncio.to_thread(enrol, house.box(), house.enrolment_url, newest.text)


async def test_the_database_holds_no_code(house: IdentityHouse) -> None:
    code = await house.offer()
    row = await BedEnrolment.get()
    assert row.code_sha256 == code.secret_sha256
    assert code.secret not in str(vars(row))


async def test_whoever_guesses_is_slowed_down(house: IdentityHouse) -> None:
    guess = EnrolmentCode.new(house.trust).text
    house.limits.monotonic_ns = lambda: 0  # no time passes
    for _ in range(5):
        with pytest.raises(Refused, match="not good here"):
            await asyncio.to_thread(enrol, house.box(), house.enrolment_url, guess)
    with pytest.raises(Transient, match="Too many tries"):
        await asyncio.to_thread(enrol, house.box(), house.enrolment_url, guess)


async def test_a_box_does_not_give_its_code_to_a_cloud_that_is_not_the_codes(house: IdentityHouse) -> None:
    code = await house.offer()
    foreign = EnrolmentCode(code.secret, EnrolmentCode.new((house.folder / "beds.crt").read_bytes()).fingerprint)
    with pytest.raises(Refused, match="authority that is not the one of this code"):
        await asyncio.to_thread(enrol, house.box(), house.enrolment_url, foreign.text)
    assert (await BedEnrolment.get()).used_at_ns is None


async def test_a_certificate_is_renewed_in_the_last_third_of_its_life_with_the_same_key(house: IdentityHouse) -> None:
    box = await enrolled(house)
    key, first = KeyFiles.of(box.mqtt).key_file.read_bytes(), serial_in_file(KeyFiles.of(box.mqtt).certificate_file)
    assert await asyncio.to_thread(renew, box, time.time_ns() + 59 * DAY_NS) is None
    assert await asyncio.to_thread(renew, box, time.time_ns() + 61 * DAY_NS) is not None
    assert serial_in_file(KeyFiles.of(box.mqtt).certificate_file) != first
    assert KeyFiles.of(box.mqtt).key_file.read_bytes() == key
    assert await wanted(house, box) == 200


async def test_a_bed_cannot_get_a_certificate_of_another_name(house: IdentityHouse) -> None:
    box = await enrolled(house)
    posing = box.model_copy(update={"bed": house.box("bed-2").bed})
    before = KeyFiles.of(box.mqtt).certificate_file.read_bytes()
    with pytest.raises(Refused, match="another bed"):
        await asyncio.to_thread(renew, posing, time.time_ns(), force=True)
    assert KeyFiles.of(box.mqtt).certificate_file.read_bytes() == before


async def test_a_box_that_runs_wild_gets_ten_certificates_a_day(house: IdentityHouse) -> None:
    request = request_pem(new_key(), "north.bed-1")
    for _ in range(enrolment.CERTIFICATES_A_DAY):
        await enrolment.renew(house.authority, "north", "bed-1", request, DAY_NS)
    with pytest.raises(HttpProblem) as refused:
        await enrolment.renew(house.authority, "north", "bed-1", request, DAY_NS)
    assert refused.value.status == 429
    await enrolment.renew(house.authority, "north", "bed-1", request, 2 * DAY_NS)


async def test_a_revoked_bed_can_neither_ask_nor_renew_and_another_is_not_touched(house: IdentityHouse) -> None:
    box, other = await enrolled(house), await enrolled(house, "bed-2")
    waiting = await house.offer("bed-1")
    assert await house.revoke() == 1
    assert (await wanted(house, box), await wanted(house, other)) == (403, 200)
    with pytest.raises(Refused, match="revoked"):
        await asyncio.to_thread(renew, box, time.time_ns(), force=True)
    with pytest.raises(Refused, match="not good here"):
        await asyncio.to_thread(enrol, box, house.enrolment_url, waiting.text)
    again = await enrolled(house)
    assert await wanted(house, again) == 200


async def test_a_certificate_that_the_database_forgot_is_revoked_by_its_number(house: IdentityHouse) -> None:
    box = await enrolled(house)
    await BedCertificate.all().delete()
    with pytest.raises(Refused, match="No certificate of north"):
        await enrolment.revoke(OPS, "north", "bed-1", time.time_ns())
    await house.revoke(serial=serial_in_file(KeyFiles.of(box.mqtt).certificate_file))
    assert await wanted(house, box) == 403


async def test_the_list_that_brokers_fetch_is_signed_and_holds_the_revoked_alone(house: IdentityHouse) -> None:
    box = await enrolled(house)
    await enrolled(house, "bed-2")
    await house.revoke()
    context = ssl.create_default_context(cafile=str(house.servers.ca_file))
    async with httpx.AsyncClient(verify=context) as client:
        answer = await client.get(f"{house.enrolment_url}/enrol/v1/revoked")
    found = x509.load_pem_x509_crl(answer.content)
    assert found.is_signature_valid(house.authority.key.public_key())
    assert [f"{each.serial_number:x}" for each in found] == [serial_in_file(KeyFiles.of(box.mqtt).certificate_file)]


@pytest.mark.parametrize(
    "text", ["", "no request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
async def test_what_is_no_request_is_refused(house: IdentityHouse, text: str) -> None:
    code = await house.offer()
    with pytest.raises(Refused, match="request_pem"):
        await enrolment.enrol(house.authority, EnrolmentWish(secret=code.secret, request_pem=text), time.time_ns())


def test_the_authority_is_made_once_and_its_key_is_its_owners_alone(tmp_path: Path) -> None:
    house = IdentityHouse(tmp_path)
    assert house.section.key_file is not None
    assert stat.S_IMODE(house.section.key_file.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="shut out every bed"):
        make_authority(house.section)


def test_a_box_without_files_in_its_settings_cannot_enrol(tmp_path: Path) -> None:
    house = IdentityHouse(tmp_path)
    box = house.box()
    plain = box.model_copy(update={"mqtt": box.mqtt.model_copy(update={"ca_file": None})})
    with pytest.raises(Misconfigured, match="mqtt: ca_file"):
        enrol(plain, house.enrolment_url, EnrolmentCode.new(house.trust).text)


def test_serial_numbers_are_kept_as_tls_tells_them(tmp_path: Path) -> None:
    house = IdentityHouse(tmp_path)
    assert serial_of(house.authority.certificate) == f"{house.authority.certificate.serial_number:x}"
