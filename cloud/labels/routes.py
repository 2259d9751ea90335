"""Annotations under /api/v1: the vocabulary, one's own annotation and those of others, their versions, the check of a comment, BIDS."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts.routes import with_right
from cloud.accounts.rules import AccountName, Right, may
from cloud.accounts.service import SignedIn
from cloud.labels import annotating, bids
from cloud.labels.evidence import EVEN, Evidence, PassedOver, evidence
from cloud.labels.tables import AnnotationVersion
from cloud.problems import documented
from shared.annotation import COMMENT_LIMIT, Annotation
from shared.clock import utc_text
from shared.comment_gate import doubtful
from shared.contract import Count, Text
from shared.luders import luders_chain
from shared.vocabulary import Vocabulary, vocabulary

router = APIRouter(tags=["annotation"])
Viewer = Annotated[SignedIn, Depends(with_right(Right.see_events))]
Reader = Annotated[SignedIn, Depends(with_right(Right.give_verdicts))]
VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class ChainPart(BaseModel):
    """One component of the Lüders chain: keys of the vocabulary, and its English text."""

    component: str
    laterality: str | None
    body_part: str | None
    text: str


class SignView(BaseModel):
    """One marked sign and its likelihood ratio; `passed_over`: why it does not count, null where it does."""

    term: str
    ratio: float
    share: float | None = Field(description="how often it was counted with the first answer; null: not known")
    share_against: float | None = Field(description="how often with the second; null: not known, or not counted so")
    passed_over: PassedOver | None


class EvidenceView(BaseModel):
    """What the marked signs speak for, by counted likelihood ratios: odds of the first answer against the second."""

    question: str
    answers: tuple[str, str]
    odds_before: float = Field(description="even: nothing about the unit's patients is put in")
    odds: float
    stopped: bool = Field(description="the odds stop at 100 to 1")
    source: str
    signs: list[SignView]
    unknown: list[str] = Field(description="marked signs without a figure for this question")

    @classmethod
    def of(cls, found: Evidence) -> EvidenceView:
        signs = [
            SignView(
                term=one.term,
                ratio=one.figure.ratio,
                share=one.figure.share,
                share_against=one.figure.share_against,
                passed_over=one.passed_over,
            )
            for one in found.signs
        ]
        question = found.question
        return cls(
            question=question.key,
            answers=question.answers,
            odds_before=EVEN,
            odds=found.odds,
            stopped=found.stopped,
            source=question.source,
            signs=signs,
            unknown=found.unknown,
        )


class AnnotationView(BaseModel):
    """One version of one reader's annotation, with the chain and the evidence that follow from its movements of interest."""

    annotator: str
    version: int
    saved_utc: datetime
    suggestion_shown: bool
    annotation: Annotation
    chain: list[ChainPart]
    evidence: list[EvidenceView] | None = Field(description="null while the event is read blind")


class Annotations(BaseModel):
    """The newest annotation of each reader; `mine` is null before one's first."""

    mine: AnnotationView | None
    others: list[AnnotationView]


class SaveRequest(BaseModel):
    """The whole annotation; `expected_version` is the version that one saw, 0 before the first."""

    model_config = ConfigDict(extra="forbid")

    annotation: Annotation
    expected_version: Count
    suggestion_shown: bool = Field(description="whether a classification, or evidence of the signs, was on the screen")


class VersionLine(BaseModel):
    """One version without what it says."""

    version: int
    saved_utc: datetime
    suggestion_shown: bool


class VersionList(BaseModel):
    """The newest 200 versions, the newest first."""

    annotator: str
    items: list[VersionLine]


class CommentRequest(BaseModel):
    """A comment as somebody typed it; it is checked and not kept."""

    model_config = ConfigDict(extra="forbid")

    comment: Text = Field(max_length=COMMENT_LIMIT)


class FindingView(BaseModel):
    """A place that may identify a patient: contact, date, number or name; characters, half-open."""

    kind: str
    text: str
    start: int
    end: int


class CommentAnswer(BaseModel):
    """What the check found; an empty list is no proof."""

    findings: list[FindingView]


async def _view(row: AnnotationVersion, viewer: SignedIn) -> AnnotationView:
    said = Annotation.model_validate(row.body)
    parts = [
        ChainPart(component=one.component, laterality=one.laterality, body_part=one.body_part, text=one.text)
        for one in luders_chain(said)
    ]
    shows_evidence = await annotating.shows_evidence(viewer.principal, row.event_id, row.site)
    return AnnotationView(
        annotator=row.annotator,
        version=row.version,
        saved_utc=utc_text(row.saved_utc_ns),
        suggestion_shown=row.suggestion_shown,
        annotation=said,
        chain=parts,
        evidence=[EvidenceView.of(one) for one in evidence(said)] if shows_evidence else None,
    )


@router.get("/vocabulary", responses=documented(401, 404))
async def terms_offered(_: Viewer) -> Vocabulary:
    """The terms that annotations are made of."""
    return vocabulary()


@router.post("/comments/check", responses=documented(400, 401, 403, 404, 413, 422))
async def check_comment(asked: CommentRequest, _: Reader) -> CommentAnswer:
    """Looks for names, dates and numbers in a comment; nothing is kept."""
    findings = [
        FindingView(kind=one.kind, text=one.text, start=one.start, end=one.end) for one in doubtful(asked.comment)
    ]
    return CommentAnswer(findings=findings)


@router.get("/events/{event_id}/annotation", responses=documented(401, 404, 422))
async def annotations_of(event_id: UUID, viewer: Viewer) -> Annotations:
    """One's own newest annotation of an event, and those of others."""
    rows = await annotating.all_of(viewer.principal, event_id)
    mine = next((row for row in rows if row.annotator == viewer.principal.name), None)
    others = [await _view(row, viewer) for row in rows if row is not mine]
    return Annotations(mine=await _view(mine, viewer) if mine else None, others=others)


@router.put("/events/{event_id}/annotation", responses=documented(400, 401, 403, 404, 409, 413, 422))
async def save_annotation(event_id: UUID, asked: SaveRequest, reader: Reader, request: Request) -> AnnotationView:
    """Keeps one's annotation as its next version; 409 with `current_version` when it was changed elsewhere."""
    draft = annotating.Draft(asked.annotation, asked.expected_version, asked.suggestion_shown)
    now_ns = request.app.state.parts.clock.utc_ns()
    return await _view(await annotating.save(reader.principal, event_id, draft, now_ns), reader)


@router.get("/events/{event_id}/annotation/{annotator}/versions", responses=documented(401, 404, 409, 422))
async def annotation_versions(event_id: UUID, annotator: AccountName, viewer: Viewer) -> VersionList:
    """When one reader's annotation was changed, and whether a suggestion was on the screen."""
    rows = await annotating.history(viewer.principal, event_id, annotator)
    items = [
        VersionLine(version=row.version, saved_utc=utc_text(row.saved_utc_ns), suggestion_shown=row.suggestion_shown)
        for row in rows
    ]
    return VersionList(annotator=annotator, items=items)


@router.get("/events/{event_id}/annotation/{annotator}/versions/{number}", responses=documented(401, 404, 409, 422))
async def annotation_version(
    event_id: UUID, annotator: AccountName, number: VersionNumber, viewer: Viewer
) -> AnnotationView:
    """One version as it was."""
    return await _view(await annotating.version(viewer.principal, event_id, annotator, number), viewer)


@router.get(
    "/events/{event_id}/annotation/export",
    response_class=Response,
    responses={
        200: {"description": "a BIDS dataset", "content": {"application/zip": {"schema": {"type": "string"}}}},
        **documented(401, 404, 409, 422),
    },
)
async def export_annotation(
    event_id: UUID, viewer: Viewer, request: Request, annotator: Annotated[AccountName, Query()]
) -> Response:
    """One reader's newest annotation as a BIDS dataset with HED tags, without the comment; each export is audited."""
    shows_code = may(viewer.principal.roles, Right.see_patient_codes)
    found = await annotating.export(viewer.principal, event_id, annotator)
    said = Annotation.model_validate(found.row.body)
    packed = bids.dataset_zip(said, found.patient_code if shows_code else None, request.app.state.parts.version)
    name = f"deepepil-annotation-{event_id}.zip"
    return Response(
        packed, media_type="application/zip", headers={"content-disposition": f'attachment; filename="{name}"'}
    )
