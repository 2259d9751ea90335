/** Points in space: a pinhole by hand, and a lens as bent as that of an Azure Kinect there and back. */
import { describe, expect, it } from "vitest";
import { distanceMm, type Lens, pointOf, project, rayOf, raysOf, surfaceMm } from "./lens";

const PINHOLE: Lens = {
  width: 512,
  height: 424,
  fx: 365.5,
  fy: 365.5,
  cx: 255.5,
  cy: 211.5,
  distortion: Array(8).fill(0),
};
// the order of size of a NFOV depth camera
const BENT: Lens = {
  ...{ width: 640, height: 576, fx: 504.1, fy: 504.2, cx: 320.4, cy: 330.1 },
  distortion: [2.4, 1.6, -0.0001, 0.00003, 0.08, 2.7, 2.4, 0.45],
};

describe("a pinhole", () => {
  it("puts a pixel where its angle and depth say", () => {
    const rays = raysOf(PINHOLE, 1);
    const depth = new Uint16Array(512 * 424);
    const at = 211 * 512 + 438;
    depth[at] = 2000;
    const point = pointOf(rays, depth, at) ?? [0, 0, 0];
    expect(point[0]).toBeCloseTo((182.5 / 365.5) * 2000, 3);
    expect(point[1]).toBeCloseTo((-0.5 / 365.5) * 2000, 3);
    expect(distanceMm(point, [point[0] - 30, point[1], 2040])).toBeCloseTo(50, 6);
  });

  it("has no point where there is no reading", () => {
    expect(pointOf(raysOf(PINHOLE, 1), new Uint16Array(512 * 424), 5)).toBeUndefined();
  });

  it("keeps pixels in their place when every fourth is taken", () => {
    const [all, some] = [raysOf(PINHOLE, 1), raysOf(PINHOLE, 4)];
    const coarse = 2 * (10 * 128 + 20);
    const full = 2 * (40 * 512 + 80);
    expect([some[coarse], some[coarse + 1]]).toEqual([all[full], all[full + 1]]);
  });
});

describe("a measured depth", () => {
  const flat = new Uint16Array(20 * 20).map((_, k) => 2000 + (k % 7) - 3);

  it("is that of the surface, not of the sensor's noise, nor of what lies behind", () => {
    const scene = flat.slice().fill(3500, 0, 8 * 20);
    scene[10 * 20 + 10] = 2011;
    scene[10 * 20 + 11] = 0;
    expect(Math.abs(surfaceMm(scene, 20, 10 * 20 + 10) - 2000)).toBeLessThanOrEqual(1);
  });

  it("is found at the picture's corners, and is none where there is no reading", () => {
    expect(Math.abs(surfaceMm(flat, 20, 0) - 2000)).toBeLessThanOrEqual(3);
    expect(surfaceMm(new Uint16Array(400), 20, 44)).toBe(0);
  });
});

describe("a bent lens", () => {
  it("leads each ray back to its pixel", () => {
    for (const [u, v] of [
      [320, 330],
      [40, 60],
      [600, 500],
      [10, 300],
    ] as const) {
      const [back, down] = project(BENT, ...rayOf(BENT, u, v));
      expect(Math.hypot(back - u, down - v)).toBeLessThan(0.02);
    }
  });
});
