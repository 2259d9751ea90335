/** What the pages of one's own account and of the audit log ask of the server. */
import { ask } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type AccountView = Schemas["AccountView"];
export type Begun = Schemas["Begun"];
export type DisclosureView = Schemas["DisclosureView"];
export type EntryList = Schemas["EntryList"];
export type EntryView = Schemas["EntryView"];
export type GlassAnswer = Schemas["GlassAnswer"];

export const account = {
  own: (signal?: AbortSignal) => ask<AccountView>("GET", "/account", undefined, signal),
  changePassword: (password: string, code: string, newPassword: string) =>
    ask<void>("PUT", "/account/password", { password, code, new_password: newPassword }),
  beginSecondFactor: (password: string, code: string) =>
    ask<Begun>("POST", "/account/second-factor", { password, code }),
  confirmSecondFactor: (code: string) => ask<void>("PUT", "/account/second-factor", { code }),
  endSession: (name: string) => ask<void>("DELETE", `/account/sessions/${encodeURIComponent(name)}`),
  breakGlass: (site: string, reason: string) => ask<GlassAnswer>("POST", "/account/broken-glass", { site, reason }),
  whoSaw: (site: string, code: string, signal?: AbortSignal) =>
    ask<DisclosureView>(
      "GET",
      `/audit/patients/${encodeURIComponent(site)}/${encodeURIComponent(code)}`,
      undefined,
      signal,
    ),
  newest: (site: string, deed: string, signal?: AbortSignal) =>
    ask<EntryList>(
      "GET",
      `/audit/sites/${encodeURIComponent(site)}${deed && `?deed=${encodeURIComponent(deed)}`}`,
      undefined,
      signal,
    ),
};
