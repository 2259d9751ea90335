"""The fence around the people's application, the form of its errors, and how the built pages are served."""

from __future__ import annotations

import pytest
from tortoise.exceptions import DBConnectionError

from cloud.accounts import service
from cloud.app import BODY_LIMIT_BYTES
from cloud.pages import FIRST_LIST
from tests.cloud.people_house import ORIGIN, House

LOGIN = {"account": "ana", "password": "x"}


@pytest.mark.parametrize("origin", ["http://elsewhere.test", "null", "http://people.test.evil.test", "http://[", ""])
async def test_a_write_from_a_foreign_page_is_refused(house: House, origin: str) -> None:
    client = await house.stranger(origin=origin)
    answer = await client.post("/api/v1/session", json=LOGIN)
    assert answer.status_code == 403
    assert answer.json()["title"] == "Forbidden"


async def test_a_write_without_an_origin_is_refused_and_reading_needs_none(house: House) -> None:
    client = await house.stranger()
    del client.headers["origin"]
    assert (await client.post("/api/v1/session", json=LOGIN)).status_code == 403
    assert (await client.get("/api/v1/about")).status_code == 200


async def test_a_large_body_is_refused_before_it_is_parsed(house: House) -> None:
    client = await house.stranger()

    async def chunks() -> object:
        for _ in range(BODY_LIMIT_BYTES // 1024 + 1):
            yield b" " * 1024

    for body in (b" " * (BODY_LIMIT_BYTES + 1), chunks()):
        answer = await client.post("/api/v1/session", content=body)  # type: ignore[arg-type]
        assert answer.status_code == 413


async def test_every_answer_carries_the_security_headers(house: House) -> None:
    client = await house.stranger()
    foreign = await house.stranger(origin="http://elsewhere.test")
    answers = [
        await client.get("/api/v1/about"),
        await client.get("/api/v1/nothing"),
        await client.get("/"),
        await foreign.post("/api/v1/session", json=LOGIN),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_the_about_page_says_research_use(house: House) -> None:
    answer = await (await house.stranger()).get("/api/v1/about")
    assert answer.json() == {
        "version": "0.1.0",
        "commit": "abc1234",
        "research_use": "For research use only: no diagnosis, no alarm.",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("PATCH", "/api/v1/about", 405), ("GET", "/api", 404), ("GET", "/x.js", 404)],
)
async def test_every_error_is_a_problem_document(house: House, method: str, path: str, status: int) -> None:
    (house.folder / "web").mkdir()
    (house.folder / "web" / "index.html").write_text("<title>DeepEpil</title>")
    answer = await (await house.stranger()).request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 30_000, b'{"account": NaN}', b"null"])
async def test_a_body_that_is_not_json_is_refused_in_words(house: House, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await (await house.stranger()).post("/api/v1/session", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_database_that_is_away_is_told_as_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise DBConnectionError("no server")

    monkeypatch.setattr(service.queries, "session_with", away)
    client = await house.person("ana")
    answer = await client.get("/api/v1/session")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_the_pages_find_their_own_way_and_files_are_files(house: House) -> None:
    web = house.folder / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<title>DeepEpil</title>")
    (web / "assets" / "app-1.js").write_text("1")
    (house.folder / "secret.txt").write_text("secret")
    client = await house.stranger()
    for path in ("/", "/worklist", "/events/5"):
        assert (await client.get(path)).text == "<title>DeepEpil</title>"
    script = await client.get("/assets/app-1.js")
    assert (script.text, script.headers["cache-control"]) == ("1", "public, max-age=31536000, immutable")
    for path in (
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/a%00b.txt",
        "/" + "x" * 5_000 + ".js",
    ):
        answer = await client.get(path)
        assert "secret" not in answer.text
        assert answer.status_code == 404


async def test_scripts_travel_packed_where_the_browser_takes_that(house: House) -> None:
    script = house.folder / "web" / "assets" / "app-1.js"
    script.parent.mkdir(parents=True)
    (house.folder / "web" / "index.html").write_text("<title>DeepEpil</title>")
    client = await house.stranger()
    for text in ("first " * 500, "second " * 500):
        script.write_text(text)
        packed = await client.get("/assets/app-1.js", headers={"accept-encoding": "gzip, br"})
        plain = await client.get("/assets/app-1.js", headers={"accept-encoding": "identity"})
        assert (packed.text, plain.text) == (text, text)
        assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
        assert int(packed.headers["content-length"]) < len(text) / 10


async def test_the_browser_is_told_at_once_what_its_page_will_ask(house: House) -> None:
    (house.folder / "web").mkdir()
    (house.folder / "web" / "index.html").write_text("<title>DeepEpil</title>")
    session, event = "/api/v1/session", "0192e3a4-5b6c-7d8e-9f01-23456789abcd"
    reader, ops, stranger = await house.person("ana"), await house.person("oto", "ops"), await house.stranger()
    for client, path, asked in (
        (reader, "/", [session, FIRST_LIST]),
        (reader, f"/events/{event}", [session, f"/api/v1/events/{event}"]),
        (reader, "/events/5", [session]),
        (ops, "/", [session]),
        (stranger, "/", [session]),
    ):
        link = (await client.get(path)).headers["link"]
        assert [one.partition(">")[0].strip(" <") for one in link.split(",")] == asked


async def test_pages_that_are_not_built_are_told_in_words(house: House) -> None:
    answer = await (await house.stranger()).get("/")
    assert answer.status_code == 404
    assert "make web" in answer.json()["detail"]


async def test_the_origin_is_the_host_that_was_asked(house: House) -> None:
    client = await house.stranger(host="review.hospital.test", origin=ORIGIN)
    assert (await client.post("/api/v1/session", json=LOGIN)).status_code == 403
