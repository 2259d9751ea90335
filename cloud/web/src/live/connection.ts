/** The browser's end of one view: makes the offer, takes the answer, tells when pictures come and what the bed says of them. */
import type { LiveStanding } from "./liveApi";

const GATHERING_MS = 3_000;

/** What the bed says on the data channel. */
export interface Fact {
  utc_ms?: number;
  age_ms?: number;
  end?: string;
  sentence?: string;
}

export class LiveConnection {
  readonly media = new MediaStream();
  private readonly peer: RTCPeerConnection;

  constructor(standing: LiveStanding, onFact: (fact: Fact) => void, onLost: () => void) {
    this.peer = new RTCPeerConnection({
      iceServers: standing.ice_servers.map(({ urls, username, credential }) => ({
        urls,
        ...(username ? { username, credential: credential ?? "" } : {}),
      })),
      iceTransportPolicy: standing.relay_only ? "relay" : "all",
    });
    const receiver = this.peer.addTransceiver("video", { direction: "recvonly" });
    const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    const h264 = known.filter((codec) => codec.mimeType === "video/H264");
    if (h264.length > 0) receiver.setCodecPreferences(h264);
    const facts = this.peer.createDataChannel("facts");
    facts.onmessage = ({ data }) => onFact(read(data));
    this.peer.ontrack = ({ track }) => this.media.addTrack(track);
    this.peer.onconnectionstatechange = () => {
      if (this.peer.connectionState === "failed") onLost();
    };
  }

  /** The whole offer. Addresses of this computer are gathered only where a STUN or TURN server needs them: else the bed needs none. */
  async offer(): Promise<string> {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    if ((this.peer.getConfiguration().iceServers ?? []).length > 0) await this.gathered();
    return this.peer.localDescription?.sdp ?? "";
  }

  private gathered(): Promise<void> {
    return new Promise((done) => {
      const look = () => this.peer.iceGatheringState === "complete" && done();
      this.peer.addEventListener("icegatheringstatechange", look);
      setTimeout(done, GATHERING_MS);
      look();
    });
  }

  async take(answer: string): Promise<void> {
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /** Half of the way there and back, in ms; 0 while it is unknown. */
  async wayMs(): Promise<number> {
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
        return report.currentRoundTripTime * 500;
      }
    }
    return 0;
  }

  close(): void {
    this.peer.close();
    for (const track of this.media.getTracks()) track.stop();
  }
}

function read(data: unknown): Fact {
  try {
    const found: unknown = JSON.parse(String(data));
    return typeof found === "object" && found !== null ? (found as Fact) : {};
  } catch {
    return {};
  }
}
