import { expect, test } from "vitest";
import clip from "./fixtures/burnt-in.mp4?inline";
import { fragmentAt, headSize, NotOurs, readFragment, readHead } from "./mp4";

// 70 frames of the shipped encoder at 30 a second; frame 40 came 0.9 s after frame 39.
const file = new Uint8Array(await (await fetch(clip)).arrayBuffer());
const head = readHead(file);
const samples = head.fragments.flatMap(({ start, size }) =>
  readFragment(file.slice(start, start + size), head.timescale),
);

test("every frame of the file is found, a key frame first in each fragment", () => {
  expect(samples).toHaveLength(70);
  expect(samples.flatMap(({ key }, k) => (key ? [k] : []))).toEqual([0, 30, 60]);
});

test("the times are those of the capture, over a gap too", () => {
  for (const [k, { second }] of samples.entries()) {
    const taken = k < 40 ? k * 0.033333333 : (k - 1) * 0.033333333 + 0.9;
    expect(Math.abs(second - taken)).toBeLessThan(0.0001);
  }
});

test("a frame's fragment is found by its time", () => {
  expect([0, 0.98, 1.001, 1.5, 60].map((second) => fragmentAt(head.fragments, second))).toEqual([0, 0, 1, 1, 2]);
});

test("the head is enough to find fragments, and says its own size", () => {
  const size = headSize(file) ?? 0;
  expect(readHead(file.slice(0, size))).toEqual(head);
  expect(headSize(file.slice(0, 100))).toBeUndefined();
});

test("bytes that are cut or foreign are refused", () => {
  const { start, size } = head.fragments[0] as { start: number; size: number };
  expect(() => readFragment(file.slice(start, start + size - 1), head.timescale)).toThrow();
  expect(() => readHead(new TextEncoder().encode("<html>no video</html>"))).toThrow();
  expect(() => readHead(file.slice(28, 775))).toThrow(NotOurs);
});
