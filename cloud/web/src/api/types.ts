/** Short names for the API's words; all come from schema.ts, which `npm run generate` makes from openapi.json. */
import type { components, operations } from "./schema";

type Schemas = components["schemas"];

export type About = Schemas["About"];
export type Bed = Schemas["Bed"];
export type BedHour = Schemas["BedHour"];
export type BedProcess = Schemas["ProcessView"];
export type Beds = Schemas["Beds"];
export type DeadLetters = Schemas["DeadLetters"];
export type Differences = Schemas["Differences"];
export type EventDetail = Schemas["EventDetail"];
export type ExportFormat = Schemas["ExportFormat"];
export type FrameIndex = Schemas["FrameIndex"];
export type LensView = Schemas["LensView"];
export type AskedView = Schemas["AskedView"];
export type ImportRequest = Schemas["ImportRequest"];
export type Person = Schemas["Person"];
export type Problem = Schemas["Problem"];
export type PartView = Schemas["PartView"];
export type PullAsked = Schemas["PullAsked"];
export type PullList = Schemas["PullList"];
export type PullView = Schemas["PullView"];
export type ProxyView = Schemas["ProxyView"];
export type ReviewAnswer = Schemas["ReviewAnswer"];
export type ReviewRequest = Schemas["ReviewRequest"];
export type ReferencesView = Schemas["ReferencesView"];
export type SeizureView = Schemas["SeizureView"];
export type StayItem = Schemas["StayItem"];
export type StayList = Schemas["StayList"];
export type StayView = Schemas["StayView"];
export type StreamName = ProxyView["stream"];
export type Suggestion = Schemas["Suggestion"];
export type Verdict = ReviewRequest["verdict"];
export type Worklist = Schemas["Worklist"];
export type WorklistItem = Schemas["WorklistItem"];
export type WorklistState = NonNullable<NonNullable<operations["worklist"]["parameters"]["query"]>["state"]>;
