/** An empty, waiting or failed place: one sentence, perhaps a second, perhaps a way on. */
import type { ReactNode } from "react";

interface NoticeProps {
  title: string;
  text?: string | undefined;
  tone?: "calm" | "bad";
  children?: ReactNode;
}

export function Notice({ title, text, tone = "calm", children }: NoticeProps): ReactNode {
  return (
    <div className={`notice notice-${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children}
    </div>
  );
}

/** Grey bars in the shape of what will come, with a spoken text. */
export function Loading({ text, rows = 5 }: { text: string; rows?: number }): ReactNode {
  const bars = Array.from({ length: rows }, (_, index) => `bar-${index}`);
  return (
    <div className="loading" role="status" aria-label={text}>
      {bars.map((bar) => (
        <div key={bar} className="loading-bar" />
      ))}
    </div>
  );
}
