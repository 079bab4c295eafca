import type { Snapshot } from "./types";

export type Link = "connecting" | "live" | "offline";

const silence = 25_000; // the server says something at least every ten seconds

/** Follows the server's events for ever; a lost connection is made anew. */
export function follow(onSnapshot: (s: Snapshot) => void, onLink: (l: Link) => void): void {
  let source: EventSource | undefined;
  let heard = Date.now();
  let failures = 0;

  const open = (): void => {
    source?.close();
    source = new EventSource("api/v1/screen/stream");
    heard = Date.now();
    const alive = (): void => {
      heard = Date.now();
      failures = 0;
      onLink("live");
    };
    source.onopen = alive;
    source.addEventListener("heartbeat", alive);
    source.addEventListener("screen", (e) => {
      alive();
      onSnapshot(JSON.parse((e as MessageEvent<string>).data) as Snapshot);
    });
    source.onerror = () => {
      failures++;
      onLink(failures > 3 ? "offline" : "connecting");
      // The browser repeats broken connections, but not refused ones.
      if (source?.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
  };
  setInterval(() => {
    if (Date.now() - heard > silence) {
      onLink("offline");
      open();
    }
  }, 5000);
  onLink("connecting");
  open();
}
