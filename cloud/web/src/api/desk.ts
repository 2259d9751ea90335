/** What worklist, patient page and annotation ask of the server; client.ts does the talking. */
import { ask } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
/** The server always sends every field; what is optional is so for those who write by hand. */
export type Evidence = Schemas["EvidenceView"];
export type Moi = Required<Schemas["Moi"]>;
export type Annotation = Required<Omit<Schemas["Annotation"], "mois">> & { mois: Moi[] };
export type AnnotationView = Omit<Schemas["AnnotationView"], "annotation"> & { annotation: Annotation };
export type Annotations = { mine: AnnotationView | null; others: AnnotationView[] };
export type BulkAnswer = Schemas["BulkAnswer"];
export type BulkRequest = Schemas["BulkRequest"];
export type ClaimView = Schemas["ClaimView"];
export type CommentAnswer = Schemas["CommentAnswer"];
export type CorrectionRequest = Schemas["CorrectionRequest"];
export type Nights = Schemas["Nights"];
export type SiteReadings = Schemas["SiteReadings"];
export type PatientView = Schemas["PatientView"];
export type Term = Schemas["Term"];
export type ViewFilters = Required<Schemas["ViewFilters"]>;
export type ViewList = { items: { name: string; filters: ViewFilters }[] };
export type Vocabulary = Schemas["Vocabulary"];
export type Worklist = Schemas["Worklist"];
export type TaskState = ViewFilters["state"];

/** What the worklist is filtered by; an empty text: anything. `night`: the date on which it began, by this computer's clock. */
export interface ListFilter {
  state: TaskState;
  bed: string;
  motorType: string;
  night: string;
}

const event = (id: string) => `/events/${encodeURIComponent(id)}`;

/** From noon to noon of the viewer's own time. */
export function nightSpan(began: string): { since: string; until: string } {
  const [year = 1970, month = 1, day = 1] = began.split("-").map(Number);
  const noon = (days: number) => new Date(year, month - 1, day + days, 12).toISOString();
  return { since: noon(0), until: noon(1) };
}

function queryOf(filter: ListFilter, limit: number, after: string): URLSearchParams {
  const query = new URLSearchParams({ state: filter.state, limit: String(limit) });
  if (filter.bed) query.set("bed", filter.bed);
  if (filter.motorType) query.set("motor_type", filter.motorType);
  if (after) query.set("after", after);
  for (const [name, value] of filter.night ? Object.entries(nightSpan(filter.night)) : []) query.set(name, value);
  return query;
}

export const desk = {
  page: (filter: ListFilter, limit: number, after: string, signal?: AbortSignal) =>
    ask<Worklist>("GET", `/worklist?${queryOf(filter, limit, after)}`, undefined, signal),
  nights: (since: Date, until: Date, zone: string, bed: string, signal?: AbortSignal) => {
    const query = new URLSearchParams({ since: since.toISOString(), until: until.toISOString(), time_zone: zone });
    if (bed) query.set("bed", bed);
    return ask<Nights>("GET", `/worklist/nights?${query}`, undefined, signal);
  },
  judge: (request: BulkRequest) => ask<BulkAnswer>("POST", "/worklist/verdicts", request),
  withdraw: (eventId: string, version: number) =>
    ask<{ version: number }>("DELETE", `${event(eventId)}/review?expected_version=${version}`),
  reading: (signal?: AbortSignal) => ask<SiteReadings>("GET", "/reading", undefined, signal),
  setReading: (site: string, blind: boolean) =>
    ask<unknown>("PUT", `/sites/${encodeURIComponent(site)}/reading`, { blind }),
  views: (signal?: AbortSignal) => ask<ViewList>("GET", "/views", undefined, signal),
  saveView: (name: string, filters: ViewFilters) => ask<unknown>("PUT", `/views/${encodeURIComponent(name)}`, filters),
  removeView: (name: string) => ask<void>("DELETE", `/views/${encodeURIComponent(name)}`),
  claim: (eventId: string) => ask<ClaimView>("PUT", `${event(eventId)}/claim`),
  release: (eventId: string) => ask<void>("DELETE", `${event(eventId)}/claim`),
  vocabulary: (signal?: AbortSignal) => ask<Vocabulary>("GET", "/vocabulary", undefined, signal),
  annotations: (eventId: string, signal?: AbortSignal) =>
    ask<Annotations>("GET", `${event(eventId)}/annotation`, undefined, signal),
  annotationVersion: (eventId: string, annotator: string, version: number) =>
    ask<AnnotationView>("GET", `${event(eventId)}/annotation/${encodeURIComponent(annotator)}/versions/${version}`),
  saveAnnotation: (eventId: string, annotation: Annotation, version: number, suggestionShown: boolean) =>
    ask<AnnotationView>("PUT", `${event(eventId)}/annotation`, {
      annotation,
      expected_version: version,
      suggestion_shown: suggestionShown,
    }),
  checkComment: (comment: string) => ask<CommentAnswer>("POST", "/comments/check", { comment }),
  patient: (site: string, code: string, signal?: AbortSignal) =>
    ask<PatientView>("GET", `/patients/${encodeURIComponent(site)}/${encodeURIComponent(code)}`, undefined, signal),
  correct: (stayId: string, request: CorrectionRequest) =>
    ask<unknown>("POST", `/stays/${encodeURIComponent(stayId)}/correction`, request),
};

export function exportPath(eventId: string, annotator: string): string {
  return `/api/v1${event(eventId)}/annotation/export?annotator=${encodeURIComponent(annotator)}`;
}
