/** Times for people. In: RFC 3339 text, seconds or ns. Out: short text in the viewer's zone; UTC is kept for the tooltip. */
import { NS_PER_S } from "./frames";
import { words } from "./words";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** `03:12:45` today, `21 Nov 03:12:45` on another day. */
export function clockText(moment: Date, now: Date): string {
  const sameDay = moment.toDateString() === now.toDateString();
  return sameDay ? clock.format(moment) : `${day.format(moment)} ${clock.format(moment)}`;
}

/** `2026-11-22 03:12:45 UTC` */
export function utcText(moment: Date): string {
  return `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `12 s`, `4 min`, `3 h`, `2 d`: the age of something, rounded down. */
export function ageText(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** `42 s`, `1 min 20 s`: how long something lasted. */
export function lengthText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
}

/** `+0:12.4`, `−0:30.0`: distance from the onset, minutes and seconds, `decimals` behind the point. */
export function offsetText(ns: number, decimals = 1): string {
  const unit = 10 ** decimals;
  const total = Math.round((Math.abs(ns) / NS_PER_S) * unit);
  const minutes = Math.floor(total / (60 * unit));
  const seconds = (total - minutes * 60 * unit) / unit;
  const text = `${minutes}:${seconds.toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0")}`;
  if (total === 0) return text;
  return ns < 0 ? `−${text}` : `+${text}`;
}

/** Wall clock to the millisecond for the playhead. */
export function preciseClock(moment: Date): string {
  return `${clock.format(moment)}.${String(moment.getMilliseconds()).padStart(3, "0")}`;
}

/** `98 %`; a share below 1 never reads 100 %. */
export function percentText(share: number): string {
  const percent = share < 1 ? Math.min(99, Math.round(share * 100)) : 100;
  return `${percent} %`;
}

/** `61 h`, `3 d 4 h`: a span of hours. */
export function hoursText(hours: number): string {
  if (hours < 1) return words.units.minutes(Math.round(hours * 60));
  const whole = Math.round(hours);
  if (whole < 72) return words.units.hours(whole);
  return words.units.days(Math.floor(whole / 24), whole % 24);
}
