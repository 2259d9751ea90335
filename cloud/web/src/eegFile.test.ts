import { expect, it } from "vitest";
import { base64Of, offsetOf } from "./eegFile";

it("a file becomes base64, also one of many parts", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, k) => k % 256);
  expect(Uint8Array.from(atob(base64Of(bytes)), (letter) => letter.charCodeAt(0))).toEqual(bytes);
});

it.each([
  ["2.5", 2.5],
  [" -1,25 ", -1.25],
  ["−3", -3],
  ["0", 0],
  ["", null],
  ["soon", null],
  ["90000", null],
])("the offset %s is %s", (text, value) => {
  expect(offsetOf(text)).toBe(value);
});
