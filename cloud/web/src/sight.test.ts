/** Colours for eyes that see red and green alike: depth map, classes and timeline, by a simulation of the missing cones. */
import { describe, expect, it } from "vitest";
import { depthPalette } from "./space/palette";
import css from "./styles/tokens.css?raw";

type Rgb = readonly [number, number, number];
type Matrix = readonly [Rgb, Rgb, Rgb];

/** Full loss of one cone, linear RGB: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15 (2009) 1291. */
const MISSING: Record<string, Matrix> = {
  "no cone missing": [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};
const SIGHTS = Object.entries(MISSING);
/** Two colours closer than this in Oklab, of 1 from black to white, are easily taken for one another in small marks. */
const APART = 0.08;

const [dark = "", light = ""] = css.split('[data-theme="light"]');
const THEMES = { dark: tokensOf(dark), light: tokensOf(light) };

function tokensOf(text: string): Record<string, Rgb> {
  const found = [...text.matchAll(/--([a-z-]+): #([0-9a-f]{6});/g)];
  return Object.fromEntries(found.map(([, name, hex]) => [name as string, rgbOf(hex as string)]));
}

function rgbOf(hex: string): Rgb {
  const at = (place: number) => Number.parseInt(hex.slice(place, place + 2), 16);
  return [at(0), at(2), at(4)];
}

const toLinear = (byte: number) => (byte <= 10.31 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
const times = (m: Matrix, [x, y, z]: Rgb): Rgb => {
  const row = ([a, b, c]: Rgb) => Math.max(0, Math.min(1, a * x + b * y + c * z));
  return [row(m[0]), row(m[1]), row(m[2])];
};

function seen(colour: Rgb, missing: Matrix): Rgb {
  return times(missing, [toLinear(colour[0]), toLinear(colour[1]), toLinear(colour[2])]);
}

/** Linear RGB to Oklab (B. Ottosson 2020). */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

const distance = (one: Rgb, two: Rgb) => Math.hypot(one[0] - two[0], one[1] - two[1], one[2] - two[2]);

function contrast(one: Rgb, two: Rgb): number {
  const light = ([r, g, b]: Rgb) => 0.2126 * toLinear(r) + 0.7152 * toLinear(g) + 0.0722 * toLinear(b);
  const [low, high] = [light(one), light(two)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each(SIGHTS)("with %s", (_, missing) => {
  it("the depth map grows lighter from far to near, and no two of its sixteenths look alike", () => {
    const bytes = depthPalette();
    const stops = Array.from({ length: 16 }, (_, k) => {
      const at = 4 * 17 * k;
      return oklab(seen([bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0], missing));
    });
    for (let k = 1; k < stops.length; k++) {
      const [before, after] = [stops[k - 1] as Rgb, stops[k] as Rgb];
      expect(after[0]).toBeGreaterThan(before[0]);
      expect(distance(before, after)).toBeGreaterThan(0.03);
    }
  });

  // Good, warn and bad always stand beside a word or a sign of their own, so they need not be told apart by colour.
  it.each(Object.entries(THEMES))("classes and marks of the timeline stay apart, %s", (_, tokens) => {
    for (const group of [
      ["class-fle", "class-tle", "class-non-epileptic", "class-other"],
      ["recorded", "gap", "track"],
    ]) {
      for (const [k, one] of group.entries()) {
        for (const two of group.slice(k + 1)) {
          const apart = distance(oklab(seen(tokens[one] as Rgb, missing)), oklab(seen(tokens[two] as Rgb, missing)));
          expect(apart, `${one} and ${two}`).toBeGreaterThan(APART);
        }
      }
    }
  });
});

describe.each(Object.entries(THEMES))("contrast, %s", (_, tokens) => {
  it.each(["text", "text-soft", "accent", "good", "warn", "bad"])("%s is read on every ground", (name) => {
    for (const ground of ["ground", "surface", "raised", "selected"]) {
      expect(contrast(tokens[name] as Rgb, tokens[ground] as Rgb), ground).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("the focus ring, field edges and the lines of classes stand out from their ground by 3 to 1", () => {
    for (const name of [
      "focus",
      "line-strong",
      "score",
      "gap",
      "class-fle",
      "class-tle",
      "class-non-epileptic",
      "class-other",
    ]) {
      expect(contrast(tokens[name] as Rgb, tokens["surface"] as Rgb), name).toBeGreaterThanOrEqual(3);
    }
  });
});
