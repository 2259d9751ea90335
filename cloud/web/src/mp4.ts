/**
 * Where the frames of our own proxies lie. In: bytes of a fragmented MP4 with one H.264 track and one index at its head, as
 * edge_agent/clips/proxy_encoder.py writes it. Out: fragments (one key frame each, at its start) and the samples of one.
 * Boxes by ISO/IEC 14496-12. Frames stand in the order of their times, so sample n of the file is frame n.
 */

/** Bytes that hold the head of most proxies; `Head.more` says when they do not. */
export const HEAD_BYTES = 65_536;

export class NotOurs extends Error {}

export interface Fragment {
  /** Byte of the file at which it begins, and how many it has. */
  start: number;
  size: number;
  /** Media second of its first frame. */
  second: number;
}

export interface Head {
  /** The decoder's parameter sets (AVCDecoderConfigurationRecord). */
  description: Uint8Array<ArrayBuffer>;
  timescale: number;
  fragments: Fragment[];
}

export interface Sample {
  second: number;
  key: boolean;
  data: Uint8Array<ArrayBuffer>;
}

interface Box {
  type: string;
  start: number;
  end: number;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    const size = view.getUint32(at);
    const type = String.fromCharCode(...[4, 5, 6, 7].map((byte) => view.getUint8(at + byte)));
    if (size < 8) throw new NotOurs(`box ${type} of ${size} bytes`);
    yield { type, start: at + 8, end: at + size };
    at += size;
  }
}

/** The box at the end of a path of names; undefined when there is none. */
function find(view: DataView, from: number, to: number, path: readonly string[]): Box | undefined {
  const [name, ...rest] = path;
  for (const box of boxes(view, from, to)) {
    if (box.type !== name) continue;
    return rest.length === 0 ? box : find(view, box.start, Math.min(box.end, to), rest);
  }
  return undefined;
}

function need(box: Box | undefined, name: string): Box {
  if (!box) throw new NotOurs(`no ${name} box`);
  return box;
}

/** How many bytes of the file its head takes: up to the end of the index. Undefined while too few are given. */
export function headSize(bytes: Uint8Array): number | undefined {
  for (const box of boxes(viewOf(bytes), 0, bytes.length)) if (box.type === "sidx") return box.end;
  return undefined;
}

/** Reads parameter sets and index. `bytes` must reach to `headSize`. Throws NotOurs, and RangeError for bytes that are cut. */
export function readHead(bytes: Uint8Array): Head {
  const view = viewOf(bytes);
  const media = need(find(view, 0, bytes.length, ["moov", "trak", "mdia"]), "mdia");
  const described = need(find(view, media.start, media.end, ["minf", "stbl", "stsd"]), "stsd");
  // stsd: 8 bytes of version and count, then the sample entry with 8 of box head and 78 of fields before its own boxes
  const entry = described.start + 8;
  const avcc = need(find(view, entry + 86, described.end, ["avcC"]), "avcC");
  const index = need(find(view, 0, bytes.length, ["sidx"]), "sidx");
  const wide = view.getUint8(index.start) === 1;
  const timescale = view.getUint32(index.start + 8);
  const times = index.start + 12;
  let start = index.end + (wide ? Number(view.getBigUint64(times + 8)) : view.getUint32(times + 4));
  let ticks = wide ? Number(view.getBigUint64(times)) : view.getUint32(times);
  const count = view.getUint16(times + (wide ? 18 : 10));
  const fragments: Fragment[] = [];
  for (let k = 0, at = times + (wide ? 20 : 12); k < count; k++, at += 12) {
    const size = view.getUint32(at) & 0x7fffffff;
    fragments.push({ start, size, second: ticks / timescale });
    start += size;
    ticks += view.getUint32(at + 4);
  }
  return { description: bytes.slice(avcc.start, avcc.end), timescale, fragments };
}

/** The fragment that holds this media second. */
export function fragmentAt(fragments: readonly Fragment[], second: number): number {
  let low = 0;
  let high = fragments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((fragments[middle] as Fragment).second <= second) low = middle;
    else high = middle - 1;
  }
  return low;
}

const FLAG = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, offset: 0x800 };

/** The frames of one fragment, in their order. Throws NotOurs, and RangeError for bytes that are cut. */
export function readFragment(bytes: Uint8Array<ArrayBuffer>, timescale: number): Sample[] {
  const view = viewOf(bytes);
  const track = need(find(view, 0, bytes.length, ["moof", "traf"]), "traf");
  const moof = need(find(view, 0, bytes.length, ["moof"]), "moof");
  const standard = defaults(view, need(find(view, track.start, track.end, ["tfhd"]), "tfhd"));
  const began = need(find(view, track.start, track.end, ["tfdt"]), "tfdt");
  let ticks =
    view.getUint8(began.start) === 1 ? Number(view.getBigUint64(began.start + 4)) : view.getUint32(began.start + 4);
  const run = need(find(view, track.start, track.end, ["trun"]), "trun");
  const flags = view.getUint32(run.start) & 0xffffff;
  const count = view.getUint32(run.start + 4);
  let at = run.start + 8;
  const next = () => {
    at += 4;
    return view.getUint32(at - 4);
  };
  if (!(flags & FLAG.dataOffset)) throw new NotOurs("a run without its place");
  let data = moof.start - 8 + next();
  if (flags & FLAG.firstFlags) next();
  const samples: Sample[] = [];
  for (let k = 0; k < count; k++) {
    const duration = flags & FLAG.duration ? next() : standard.duration;
    const size = flags & FLAG.size ? next() : standard.size;
    if (flags & FLAG.flags) next();
    if (flags & FLAG.offset) next();
    if (data + size > bytes.length) throw new RangeError("the fragment is cut");
    samples.push({ second: ticks / timescale, key: k === 0, data: bytes.subarray(data, data + size) });
    data += size;
    ticks += duration;
  }
  return samples;
}

/** Duration and size of samples that do not say their own. */
function defaults(view: DataView, box: Box): { duration: number; size: number } {
  const flags = view.getUint32(box.start) & 0xffffff;
  let at = box.start + 8;
  if (flags & 0x1) at += 8;
  if (flags & 0x2) at += 4;
  const duration = flags & 0x8 ? view.getUint32(at) : 0;
  if (flags & 0x8) at += 4;
  return { duration, size: flags & 0x10 ? view.getUint32(at) : 0 };
}
