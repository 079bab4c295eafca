// Numbers as the screen writes them.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const integer = (n: number): string => whole.format(n);
export const money = (n: number): string => "¥" + cents.format(n);

/** A number in at most about five characters: 950, 12.3K, 4.56M. */
export function short(n: number): string {
  const a = Math.abs(n);
  for (const [limit, unit] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const) {
    if (a >= limit) {
      const v = n / limit;
      return (Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toFixed(2)) + unit;
    }
  }
  return Number.isInteger(n) || a >= 100 ? n.toFixed(0) : n.toFixed(1);
}

export const percent = (part: number, all: number): string => (all <= 0 ? "–" : part === all ? "100%" : ((100 * part) / all).toFixed(part * 10 < all ? 2 : 1) + "%");

/** A delay: 120 ms, 1.4 s, 3 min. */
export function delay(ms: number): [value: string, unit: string] {
  if (ms < 1000) return [String(Math.round(ms)), "ms"];
  if (ms < 60_000) return [(ms / 1000).toFixed(1), "s"];
  return [String(Math.round(ms / 60_000)), "min"];
}

export type Grade = "good" | "slow" | "late" | "idle";

/** How a layer's delay is coloured: within two seconds it is fresh, above ten it is late. */
export function grade(known: boolean, idle: boolean, ms: number): Grade {
  if (!known || idle) return "idle";
  return ms <= 2000 ? "good" : ms <= 10_000 ? "slow" : "late";
}

/** An age in words as short as can be: 8s, 5m, 3h. */
export function age(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s + "s";
  if (s < 3600) return Math.floor(s / 60) + "m";
  return Math.floor(s / 3600) + "h";
}
