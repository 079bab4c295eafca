import "./style.css";
import { Days, Donut, lineColours, spark, Trend } from "./charts";
import { count } from "./counter";
import { age, delay, grade, integer, money, percent, short } from "./format";
import { choose, language, t, type Word } from "./i18n";
import { layout } from "./layout";
import { Ranking } from "./ranking";
import { follow, type Link } from "./stream";
import type { Layer, Snapshot, Source } from "./types";

const find = <E extends Element = HTMLElement>(q: string): E => {
  const e = document.querySelector<E>(q);
  if (!e) throw new Error(`the page has no ${q}`);
  return e;
};

find("#app").innerHTML = layout();
choose(language());

const number = (id: string): HTMLElement => find(`[data-n="${id}"]`);
const body = (tile: string): HTMLElement => find(`.${tile} .body`);

const trend = new Trend(body("trend"));
const donut = new Donut(find(".traffic .chart"));
const days = new Days(body("days"));
const provinces = new Ranking(body("provinces"), (n) => "¥" + short(n), 12, 33);
const top = new Ranking(body("top"), (n) => "¥" + short(n), 10, 33);

const rough = (n: number): string => short(Math.round(n));

let last: Snapshot | undefined;
let skew = 0; // the server's clock less ours
const sources = new Map<string, Source>();

function show(s: Snapshot): void {
  last = s;
  skew = s.time - Date.now();
  find("#name").textContent = s.name;
  document.title = `${money(s.gmv.today)} · ${s.name} · Freshet`;

  const minutes = s.gmv.minutes ?? [];
  const before = minutes.at(-2);
  count(number("gmv"), s.gmv.today, money);
  count(number("minute"), before?.gmv ?? 0, (n) => "+" + money(n));
  count(number("orders"), s.gmv.orders, integer);
  count(number("ordersMinute"), before?.orders ?? 0, integer);
  count(number("uv"), s.uv.today, integer);
  const yesterday = fortnight(s).at(-2)?.uv ?? 0;
  number("yesterday").textContent = integer(yesterday);
  count(number("views"), s.traffic.views, integer);
  count(number("viewsRate"), s.views_per_second, integer);
  const conversion = s.uv.today > 0 ? (100 * s.trade.buyers) / s.uv.today : 0;
  count(number("conversion"), Math.min(100, conversion), (n) => n.toFixed(2) + "%");
  count(number("buyers"), s.trade.buyers, integer);
  find<SVGElement>(".conversion .arc").style.strokeDasharray = `${Math.min(100, conversion)} 100`;
  find(".orders .spark").innerHTML = spark(begun(minutes).slice(0, -1).map((m) => m.orders));
  const ods = (s.road.layers ?? []).find((l) => l.name === "ods");
  find(".views .spark").innerHTML = spark(ods?.rates ?? []);

  trend.show(begun(minutes), s.zone);
  provinces.show((s.gmv.provinces ?? []).map((p) => ({ key: p.name, name: p.name, note: integer(p.orders), value: p.gmv })));
  top.show((s.top.products ?? []).map((p) => ({ key: p.id, name: p.name || `#${p.id}`, note: p.category, value: p.gmv })));
  find("#hour").textContent = s.top.hour ? `${s.top.hour.slice(11)}:00 – ${s.top.hour.slice(11)}:59 UTC` : "";

  funnel(s);
  traffic(s);
  days.show(fortnight(s));

  count(number("lag"), s.road.lag, rough);
  count(number("dead"), s.road.dead_letters, rough);
  count(number("misses"), s.road.join_misses, rough);
  number("jobs").innerHTML = s.jobs.running + s.jobs.down > 0 ? `${s.jobs.running}<small> / ${s.jobs.running + s.jobs.down}</small>` : "–";
  find('[data-stat="jobs"]').classList.toggle("bad", s.jobs.down > 0);
  find('[data-stat="lag"]').classList.toggle("warn", s.road.lag > 50_000);

  for (const l of s.road.layers ?? []) station(l);
  const moving = (s.road.layers ?? []).some((l) => l.rate > 0);
  find(".road").classList.toggle("moving", moving);

  const is: [string, Source][] = [
    ["gmv", s.gmv.source], ["orders", s.gmv.source], ["trend", s.gmv.source], ["provinces", s.gmv.source], ["uv", s.uv.source], ["days", s.uv.source], ["top", s.top.source],
    ["views", s.traffic.source], ["traffic", s.traffic.source], ["funnel", s.trade.source], ["conversion", s.trade.source.ok ? s.uv.source : s.trade.source], ["health", s.road.source], ["road", s.road.source],
  ];
  for (const [tile, source] of is) sources.set(tile, source);
  mark();
}

/** Leaves out the minutes before the first turnover, so that a warehouse that has just started fills the chart; a quarter of an hour at least. */
function begun<M extends { gmv: number }>(minutes: M[]): M[] {
  const first = minutes.findIndex((m) => m.gmv > 0);
  return minutes.slice(first < 0 ? -15 : Math.max(0, Math.min(first - 1, minutes.length - 15)));
}

/** Greys the tiles whose store does not answer, with the age of what they show. */
function mark(): void {
  for (const [tile, source] of sources) {
    const e = find(`[data-tile="${tile}"]`);
    e.classList.toggle("stale", !source.ok);
    e.title = source.ok ? "" : `${source.store}: ${source.error ?? t("down")}`;
    find(`[data-tile="${tile}"] .state`).textContent = source.ok ? "" : `${source.store} n/a${source.since ? " · " + age(Date.now() + skew - source.since) : ""}`;
  }
}

function station(l: Layer): void {
  const e = find(`[data-layer="${l.name}"]`);
  e.dataset.grade = grade(l.known, l.idle, l.delay_ms);
  const [value, unit] = delay(l.delay_ms);
  find(`[data-layer="${l.name}"] .delay .value`).textContent = !l.known ? "–" : l.idle ? t("idle") : value;
  find(`[data-layer="${l.name}"] .delay .unit`).textContent = !l.known || l.idle ? "" : unit;
  count(find(`[data-layer="${l.name}"] .rate`), l.rate, rough);
  find(`[data-layer="${l.name}"] .spark`).innerHTML = spark(l.rates ?? []);
}

function funnel(s: Snapshot): void {
  const of = (status: string): number => s.trade.statuses?.find((x) => x.status === status)?.orders ?? 0;
  const all = s.trade.orders;
  const rows: [Word, number, string][] = [
    ["placed", all, "placed"],
    ["paid", of("PAID") + of("REFUNDED"), "paid"],
    ["open", of("CREATED"), "open"],
    ["refunded", of("REFUNDED"), "refunded"],
    ["cancelled", of("CANCELLED"), "cancelled"],
  ];
  const e = body("funnel");
  if (e.childElementCount !== rows.length) {
    e.innerHTML = rows.map(([w, , cls]) => `<div class="stage ${cls}"><span class="what" data-t="${w}">${t(w)}</span><div class="track"><i></i></div><b data-n="stage-${w}"></b><em></em></div>`).join("");
  }
  for (const [w, n, cls] of rows) {
    count(number(`stage-${w}`), n, integer);
    find(`.stage.${cls} i`).style.width = all > 0 ? `${Math.max(n > 0 ? 1 : 0, (100 * n) / all)}%` : "0";
    find(`.stage.${cls} em`).textContent = percent(n, all);
  }
}

const lineNames: Record<string, [string, string]> = { app: ["App", "应用"], web: ["Web", "网页"], mini: ["Mini program", "小程序"] };

function traffic(s: Snapshot): void {
  const lines = [...(s.traffic.lines ?? [])].sort((a, b) => a.line.localeCompare(b.line)).map((l, i) => ({
    name: lineNames[l.line]?.[language() === "zh" ? 1 : 0] ?? l.line,
    views: l.views,
    colour: lineColours[i % lineColours.length]!,
  }));
  donut.show(lines);
  count(number("trafficTotal"), s.traffic.views, rough);
  const list = find(".traffic ul");
  if (list.childElementCount !== lines.length) list.innerHTML = lines.map(() => `<li><i></i><span></span><b></b><em></em></li>`).join("");
  lines.forEach((l, i) => {
    const li = list.children[i]!;
    (li.querySelector("i") as HTMLElement).style.background = l.colour;
    li.querySelector("span")!.textContent = l.name;
    li.querySelector("b")!.textContent = percent(l.views, s.traffic.views);
    count(li.querySelector("em")!, l.views, rough);
  });
}

/** The last fourteen days, those without visitors as zero. */
function fortnight(s: Snapshot): { date: string; uv: number }[] {
  const known = new Map((s.uv.days ?? []).map((d) => [d.date, d.uv]));
  const end = Date.parse(s.today + "T00:00:00Z");
  return Array.from({ length: 14 }, (_, i) => {
    const date = new Date(end - (13 - i) * 86_400_000).toISOString().slice(0, 10);
    return { date, uv: known.get(date) ?? 0 };
  });
}

let link: Link = "connecting";
function showLink(l: Link): void {
  link = l;
  const e = find("#link");
  e.dataset.link = l;
  find("#link span").textContent = t(l);
  document.body.classList.toggle("cut", l !== "live");
}

function tick(): void {
  const zone = last?.zone ?? "UTC";
  find("#clock").textContent = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone }).format(Date.now() + skew) + " " + zone;
  mark();
}

const lang = find<HTMLButtonElement>("#lang");
const labelLang = (): void => {
  lang.textContent = language() === "zh" ? "EN" : "中文";
};
labelLang();
lang.addEventListener("click", () => {
  choose(language() === "zh" ? "en" : "zh");
  labelLang();
  showLink(link);
  if (last) show(last);
});

setInterval(tick, 1000);
tick();
follow(show, showLink);
