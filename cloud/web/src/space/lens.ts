/**
 * From pixels with depth to points in space. In: the lens of the depth camera, in pixels. Out: one ray a pixel, and points in mm
 * in the camera's axes: x right, y down, z away from it. The rational Brown-Conrady model, turned round by iteration.
 */

export interface Lens {
  width: number;
  height: number;
  fx: number;
  fy: number;
  cx: number;
  cy: number;
  /** k1, k2, p1, p2, k3, k4, k5, k6 */
  distortion: readonly number[];
}

export type Point = readonly [number, number, number];

const ROUNDS = 20;
/** A ray that does not lead back to its pixel this closely lies beyond what the lens is calibrated for. */
const BACK_WITHIN_PX = 0.5;

/** Where the lens puts the ray (x, y, 1), in pixels. */
export function project(lens: Lens, x: number, y: number): [number, number] {
  const [xd, yd] = distorted(lens, x, y);
  return [xd * lens.fx + lens.cx, yd * lens.fy + lens.cy];
}

function distorted({ distortion }: Lens, x: number, y: number): [number, number] {
  const [k1 = 0, k2 = 0, p1 = 0, p2 = 0, k3 = 0, k4 = 0, k5 = 0, k6 = 0] = distortion;
  const r2 = x * x + y * y;
  const scale = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)));
  return [x * scale + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * scale + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)];
}

/** The ray (x, y, 1) of a pixel; NaN where the lens has none. */
export function rayOf(lens: Lens, u: number, v: number): [number, number] {
  const wanted: [number, number] = [(u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy];
  if (lens.distortion.every((each) => each === 0)) return wanted;
  let [x, y] = wanted;
  for (let round = 0; round < ROUNDS; round++) {
    const [xd, yd] = distorted(lens, x, y);
    x += wanted[0] - xd;
    y += wanted[1] - yd;
  }
  const [back, down] = project(lens, x, y);
  return Math.hypot(back - u, down - v) < BACK_WITHIN_PX ? [x, y] : [Number.NaN, Number.NaN];
}

/** The rays of every step-th pixel of every step-th row: x and y in turn. */
export function raysOf(lens: Lens, step: number): Float32Array {
  const [across, down] = [Math.ceil(lens.width / step), Math.ceil(lens.height / step)];
  const rays = new Float32Array(2 * across * down);
  for (let row = 0, at = 0; row < down; row++)
    for (let column = 0; column < across; column++, at += 2) rays.set(rayOf(lens, column * step, row * step), at);
  return rays;
}

/** The point of one pixel, mm; undefined where the camera had no reading. */
export function pointOf(rays: Float32Array, depth: Uint16Array, index: number): Point | undefined {
  const z = depth[index] ?? 0;
  const [x, y] = [rays[2 * index] ?? Number.NaN, rays[2 * index + 1] ?? Number.NaN];
  return z > 0 && !Number.isNaN(x) && !Number.isNaN(y) ? [x * z, y * z, z] : undefined;
}

/** Neighbours on each side that a measured depth is taken from, and how far from it they may lie to be of one surface. */
const AROUND = 3;
const SAME_SURFACE = 0.015;

/** Depth of the surface at a pixel, mm: the median of its neighbourhood, so that the sensor's noise is not measured; 0 for none. */
export function surfaceMm(mm: Uint16Array, width: number, index: number): number {
  const own = mm[index] ?? 0;
  const [row, column] = [Math.floor(index / width), index % width];
  const near: number[] = [];
  for (let v = row - AROUND; v <= row + AROUND; v++)
    for (let u = Math.max(0, column - AROUND); u <= Math.min(width - 1, column + AROUND); u++) {
      const other = mm[v * width + u] ?? 0;
      if (other > 0 && Math.abs(other - own) <= SAME_SURFACE * own) near.push(other);
    }
  near.sort((a, b) => a - b);
  return near[near.length >> 1] ?? own;
}

export function distanceMm(a: Point, b: Point): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
