"""The key between patient codes and identities: one encrypted file that stays in the unit. The cloud never has it.

AES-256-GCM under a key that scrypt makes of a passphrase; the head of the file is authenticated with it. In: a path and a
passphrase. Out: persons. Each change writes the whole file anew beside the old one and puts it in its place.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import TypeAdapter, ValidationError

from shared.errors import Broken, Refused
from shared.ids import PatientCode
from shared.stay import new_patient_code

FORMAT = "deepepil-patients 1"
MIN_PASSPHRASE_LETTERS = 12
MAX_PERSONS = 10_000
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_TEXT_LETTERS = 200
KEY_BYTES, SALT_BYTES, NONCE_BYTES = 32, 16, 12
_CODE: TypeAdapter[str] = TypeAdapter(PatientCode)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess of the passphrase costs: scrypt's n, r and p. 128 MiB and half a second by default (RFC 7914)."""

    n: int = 2**17
    r: int = 8
    p: int = 1

    def must_be_bounded(self) -> None:
        """Raises Broken for a file that asks for more than 512 MiB or for nothing."""
        power_of_two = self.n > 1 and self.n & (self.n - 1) == 0
        if not (power_of_two and self.r == 8 and 1 <= self.p <= 4 and self.n <= 2**19):
            raise Broken("The file's head asks for another cost of the passphrase than this program knows.")


TODAY = Cost()


@dataclass(frozen=True, slots=True)
class Person:
    """One patient as the unit knows them; `born` and `number` (of the hospital) may be empty."""

    code: str
    name: str
    born: str = ""
    number: str = ""

    def is_same(self, other: Person) -> bool:
        """Whether both are one person: the same number, or the same name and date of birth."""
        if self.number and self.number == other.number:
            return True
        return (self.name.casefold(), self.born) == (other.name.casefold(), other.born)


class PatientFile:
    """One file. Every reading and writing asks for the passphrase anew; nothing is kept in the open."""

    def __init__(self, path: Path, passphrase: str, cost: Cost | None = None) -> None:
        if len(passphrase) < MIN_PASSPHRASE_LETTERS:
            raise Refused(f"A passphrase has at least {MIN_PASSPHRASE_LETTERS} letters.")
        self.path = path
        self._passphrase = passphrase
        self._cost = cost or TODAY

    def create(self) -> None:
        """Makes an empty file. Raises Refused when there is one."""
        with self._locked():
            if self.path.exists():
                raise Refused(f"{self.path} is there already.")
            self._write([])

    def persons(self) -> list[Person]:
        """All persons by code. Raises Refused for a wrong passphrase or a missing file, Broken for a damaged one."""
        return self._read()[0]

    def add(self, name: str, born: str, number: str, code: str | None = None) -> Person:
        """A new person with a code that nobody else has. Raises Refused for one who is there, or a code that is taken."""
        texts = [" ".join(text.split()) for text in (name, born, number)]
        if not texts[0] or any(len(text) > MAX_TEXT_LETTERS for text in texts):
            raise Refused(f"A person has a name; no text is longer than {MAX_TEXT_LETTERS} letters.")
        with self._changed() as persons:
            taken = {one.code for one in persons}
            person = Person(_free(code, taken), *texts)
            twin = next((one for one in persons if one.is_same(person)), None)
            if twin is not None:
                raise Refused(f"This person has the code {twin.code} already.")
            if len(persons) >= MAX_PERSONS:
                raise Refused(f"The file holds {MAX_PERSONS} persons, which is its limit.")
            persons.append(person)
        return person

    def remove(self, code: str) -> None:
        """Forgets one person: what the cloud has under the code can no longer be traced. Raises Refused when unknown."""
        with self._changed() as persons:
            left = [one for one in persons if one.code != code]
            if len(left) == len(persons):
                raise Refused("Nobody has this code.")
            persons[:] = left

    def change_passphrase(self, new: str) -> None:
        """The same persons under a new passphrase, a new salt and today's cost."""
        other = PatientFile(self.path, new, self._cost)
        with self._locked():
            other._write(self._read()[0])

    @contextmanager
    def _changed(self) -> Iterator[list[Person]]:
        with self._locked():
            persons, _ = self._read()
            yield persons
            self._write(persons)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with self.path.with_name(f"{self.path.name}.lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise Refused(f"{self.path}: {error.strerror or error}.") from error

    def _read(self) -> tuple[list[Person], dict[str, Any]]:
        head, sealed = _parts(self.path)
        cost = Cost(head["n"], head["r"], head["p"])
        cost.must_be_bounded()
        key = _key(self._passphrase, base64.b64decode(head["salt"]), cost)
        try:
            plain = AESGCM(key).decrypt(base64.b64decode(head["nonce"]), sealed, _bytes_of(head))
        except InvalidTag as error:
            raise Refused("The passphrase is wrong, or the file was altered.") from error
        return sorted((Person(**one) for one in json.loads(plain)), key=lambda one: one.code), head

    def _write(self, persons: list[Person]) -> None:
        salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
        head = {
            "format": FORMAT,
            **asdict(self._cost),
            "salt": base64.b64encode(salt).decode(),
            "nonce": base64.b64encode(nonce).decode(),
        }
        plain = json.dumps([asdict(one) for one in persons]).encode()
        sealed = AESGCM(_key(self._passphrase, salt, self._cost)).encrypt(nonce, plain, _bytes_of(head))
        body = json.dumps({**head, "sealed": base64.b64encode(sealed).decode()}, indent=1).encode()
        _replace(self.path, body)


def _key(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=cost.n, r=cost.r, p=cost.p).derive(passphrase.encode())


def _bytes_of(head: dict[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True, separators=(",", ":")).encode()


def _parts(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Broken(f"{path} is larger than {MAX_FILE_BYTES} bytes.")
        body = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}.") from error
    try:
        fields = json.loads(body)
        sealed = base64.b64decode(fields.pop("sealed"), validate=True)
        whole = fields["format"] == FORMAT and set(fields) == {"format", "n", "r", "p", "salt", "nonce"}
        lengths = [len(base64.b64decode(fields[name], validate=True)) for name in ("salt", "nonce")]
        numbers = all(type(fields[name]) is int for name in ("n", "r", "p"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Broken(f"{path} is no file of patients, or it is damaged.") from error
    if not (whole and numbers and lengths == [SALT_BYTES, NONCE_BYTES]):
        raise Broken(f"{path} is no file of patients, or it is damaged.")
    return fields, sealed


def _replace(path: Path, body: bytes) -> None:
    """The new file whole, or the old one: never half of one. For its owner alone."""
    partial = path.with_name(f"{path.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _free(wanted: str | None, taken: set[str], make: Callable[[], str] = new_patient_code) -> str:
    if wanted is not None:
        try:
            _CODE.validate_python(wanted)
        except ValidationError as error:
            raise Refused("A code looks like PT-7KQ2M.") from error
        if wanted in taken:
            raise Refused("Somebody else has this code.")
        return wanted
    for _ in range(1_000):
        code = make()
        if code not in taken:
            return code
    raise Broken("A thousand codes in a row were taken.")


def found(persons: list[Person], text: str) -> list[Person]:
    """The persons in whose code, name, date of birth or number the text occurs, however it is written."""
    wanted = text.strip().casefold()
    return [one for one in persons if wanted and any(wanted in str(value).casefold() for value in asdict(one).values())]
