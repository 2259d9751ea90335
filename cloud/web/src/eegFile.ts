/** A file of the EEG on its way to the server: its bytes as base64, its clock offset as a number. Pure. */
export const FILE_LIMIT_BYTES = 3 * 1024 * 1024;
const PART = 8_192;

export function base64Of(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += PART) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + PART)));
  }
  return btoa(parts.join(""));
}

/** Seconds, with a point or a comma; null: this is no number, or more than a day. */
export function offsetOf(text: string): number | null {
  const plain = text.trim().replace(",", ".").replace("−", "-");
  const value = Number(plain);
  return plain !== "" && Number.isFinite(value) && Math.abs(value) <= 86_400 ? value : null;
}
