"""One sample of the camera's inertial unit: it tells whether the camera itself was moved or shaken."""

from __future__ import annotations

from dataclasses import dataclass

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ImuSample:
    """One reading: device_ns is the camera's clock, mono_ns the host's monotonic clock at arrival.

    Acceleration in m/s² and rotation in rad/s along x, y, z of the camera; temperature in °C. The values are float32 as
    the camera gave them; a segment keeps float32.
    """

    device_ns: int
    mono_ns: int
    acceleration_m_s2: Vector
    rotation_rad_s: Vector
    temperature_c: float
