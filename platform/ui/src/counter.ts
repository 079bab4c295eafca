// Numbers that run to their next value instead of jumping.

const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

interface Running {
  from: number;
  to: number;
  began: number;
  format: (n: number) => string;
}

const shown = new Map<HTMLElement, number>();
const running = new Map<HTMLElement, Running>();
let frame = 0;
const span = 950; // just under the server's second, so that a number that grows never stands still

function step(now: number): void {
  frame = 0;
  for (const [e, r] of running) {
    const part = Math.min(1, (now - r.began) / span);
    const value = r.from + (r.to - r.from) * (1 - (1 - part) ** 2);
    shown.set(e, value);
    e.textContent = r.format(part === 1 ? r.to : value);
    if (part === 1) running.delete(e);
  }
  if (running.size > 0) frame = requestAnimationFrame(step);
}

/** Counts an element's number up or down to a value. The first value is shown at once. */
export function count(e: HTMLElement, to: number, format: (n: number) => string): void {
  const from = shown.get(e);
  if (from === undefined || still || document.hidden) {
    running.delete(e);
    shown.set(e, to);
    e.textContent = format(to);
    return;
  }
  if (running.get(e)?.to === to || (from === to && !running.has(e))) return;
  running.set(e, { from, to, began: performance.now(), format });
  if (frame === 0) frame = requestAnimationFrame(step);
}
