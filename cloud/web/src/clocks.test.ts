import { describe, expect, it } from "vitest";
import { clockLine } from "./clocks";

const clock = { device_drift_ppm: -390.4, clock_error_ms: 12, utc_error_ms: 2.2, faults: {} };

describe("the clocks of a bed", () => {
  it("are told in plain words", () => {
    expect(clockLine({ clock })).toBe("camera 390 ppm slow; time of day right within 3 ms");
    expect(clockLine({ clock: { ...clock, device_drift_ppm: 12.6, utc_error_ms: 1540 } })).toBe(
      "camera 13 ppm fast; time of day right within 1.5 s",
    );
  });

  it("say what is not known, and how many frames had an impossible time", () => {
    expect(clockLine({ clock: null })).toBe("not said yet");
    const unknown = { ...clock, device_drift_ppm: null, utc_error_ms: null, faults: { jump: 1, duplicate: 2 } };
    expect(clockLine({ clock: unknown })).toBe(
      "camera not known yet; time of day not synchronised; 3 frames with an impossible time",
    );
    expect(clockLine({ clock: { ...clock, device_drift_ppm: -0.2 } })).toContain("camera runs with the box");
  });
});
