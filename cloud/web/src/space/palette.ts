/** The colours of depth in space, those of the depth video: edge_agent/clips/colours.py says why. Far to near, sRGB bytes. */
export const NEAREST_MM = 400;
export const FARTHEST_MM = 4500;
const FAR: readonly [number, number, number] = [0.26, -0.015, -0.1];
const NEAR: readonly [number, number, number] = [0.94, -0.025, 0.115];

/** 256 colours along a straight line in Oklab (B. Ottosson, "A perceptual color space", 2020), RGBA. */
export function depthPalette(): Uint8Array<ArrayBuffer> {
  const colours = new Uint8Array(256 * 4);
  for (let k = 0; k < 256; k++) {
    const share = k / 255;
    const [lightness, a, b] = FAR.map((far, axis) => far + share * ((NEAR[axis] as number) - far)) as [
      number,
      number,
      number,
    ];
    const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
    const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
    const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
    const linear = [
      4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
      -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
      -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
    ];
    colours.set([...linear.map((value) => Math.round(255 * gamma(value))), 255], 4 * k);
  }
  return colours;
}

function gamma(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.max(0, Math.min(1, value));
}
