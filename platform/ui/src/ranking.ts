import { count } from "./counter";

export interface Entry {
  key: string;
  name: string;
  note: string;
  value: number;
}

interface Row {
  root: HTMLElement;
  place: HTMLElement;
  name: HTMLElement;
  note: HTMLElement;
  value: HTMLElement;
  bar: HTMLElement;
}

const part = (root: HTMLElement, name: string): HTMLElement => {
  const e = document.createElement("span");
  e.className = name;
  root.append(e);
  return e;
};

/** A list of bars whose rows glide to their new places. It shows as many as fit. */
export class Ranking {
  private rows = new Map<string, Row>();
  private entries: Entry[] = [];
  constructor(
    private root: HTMLElement,
    private format: (n: number) => string,
    private most: number,
    private least = 26,
  ) {
    root.classList.add("ranking");
    new ResizeObserver(() => this.draw()).observe(root);
  }

  show(entries: Entry[]): void {
    this.entries = entries;
    this.draw();
  }

  private draw(): void {
    const height = this.root.clientHeight;
    const fit = Math.max(1, Math.min(this.most, Math.floor(height / this.least)));
    const step = Math.min(52, height / fit);
    const shown = this.entries.slice(0, fit);
    const best = shown[0]?.value ?? 0;
    const gone = new Set(this.rows.keys());
    shown.forEach((e, i) => {
      gone.delete(e.key);
      let r = this.rows.get(e.key);
      if (!r) {
        const root = document.createElement("div");
        root.className = "row entering";
        r = { root, place: part(root, "place"), name: part(root, "name"), note: part(root, "note"), value: part(root, "value"), bar: part(part(root, "track"), "bar") };
        this.root.append(root);
        this.rows.set(e.key, r);
        requestAnimationFrame(() => root.classList.remove("entering"));
      }
      r.root.style.height = `${step}px`;
      r.root.style.transform = `translateY(${i * step}px)`;
      r.root.dataset.place = String(i + 1);
      r.place.textContent = String(i + 1);
      r.name.textContent = e.name;
      r.note.textContent = e.note;
      count(r.value, e.value, this.format);
      r.bar.style.width = best > 0 ? `${Math.max(1, (100 * e.value) / best)}%` : "0";
    });
    for (const key of gone) {
      this.rows.get(key)?.root.remove();
      this.rows.delete(key);
    }
  }
}
