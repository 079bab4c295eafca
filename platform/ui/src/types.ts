// The answer of GET /api/v1/screen; see platform/internal/screen/snapshot.go.

export interface Source {
  store: string;
  ok: boolean;
  since?: number; // of the last answer, ms; absent when there was none
  error?: string;
}

export interface Layer {
  name: string;
  known: boolean;
  idle: boolean;
  delay_ms: number;
  newest: number;
  rows: number;
  rate: number;
  lag: number;
  rates: number[] | null;
}

export interface Snapshot {
  version: number;
  time: number;
  name: string;
  zone: string;
  today: string;
  views_per_second: number;
  gmv: {
    source: Source;
    today: number;
    orders: number;
    minutes: { time: number; gmv: number; orders: number }[] | null;
    provinces: { name: string; gmv: number; orders: number }[] | null;
  };
  uv: { source: Source; today: number; days: { date: string; uv: number }[] | null };
  top: { source: Source; hour: string; products: { id: string; name: string; category: string; gmv: number }[] | null };
  trade: { source: Source; orders: number; buyers: number; statuses: { status: string; orders: number }[] | null };
  traffic: { source: Source; views: number; lines: { line: string; views: number }[] | null };
  road: { source: Source; layers: Layer[] | null; lag: number; dead_letters: number; join_misses: number };
  jobs: { running: number; down: number };
}
