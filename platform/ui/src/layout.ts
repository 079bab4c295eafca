import { t, type Word } from "./i18n";

const word = (w: Word, tag = "span", cls = ""): string => `<${tag}${cls ? ` class="${cls}"` : ""} data-t="${w}">${t(w)}</${tag}>`;

const panel = (id: string, title: Word, body: string, side = ""): string =>
  `<section class="panel ${id}" data-tile="${id}"><header>${word(title, "h2")}<span class="side">${side}</span><span class="state"></span></header>${body}</section>`;

const kpi = (id: string, title: Word, foot: string, extra = ""): string =>
  `<section class="panel kpi ${id}" data-tile="${id}"><header>${word(title, "h2")}<span class="state"></span></header><div class="big" data-n="${id}">–</div><footer>${foot}</footer>${extra}</section>`;

const station = (id: string, title: Word, note: Word): string =>
  `<div class="station ${id}" data-layer="${id}" data-grade="idle"><div class="lamp"></div><div class="who"><b data-t="${title}">${t(title)}</b>${word(note, "small")}</div>
   <div class="delay"><span class="value">–</span><span class="unit"></span></div><div class="flow"><span class="rate">–</span> ${word("rows")}</div><div class="spark"></div></div>`;

const hop = `<div class="hop" aria-hidden="true"><i></i></div>`;

const stat = (id: string, title: Word): string => `<div class="stat" data-stat="${id}"><div class="value" data-n="${id}">–</div>${word(title, "small")}</div>`;

export const layout = (): string => `
<header class="bar">
  <div class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 10c4-4.5 8-4.5 12 0s8 4.5 12 0M4 17c4-4.5 8-4.5 12 0s8 4.5 12 0M4 24c4-4.5 8-4.5 12 0s8 4.5 12 0"/></svg><b>Freshet</b><span class="name" id="name"></span></div>
  ${word("title", "h1")}
  <div class="right"><button id="lang" type="button" title="English / 中文"></button><time id="clock"></time><span class="link" id="link" data-link="connecting"><i></i><span></span></span></div>
</header>
<main>
  ${kpi("gmv", "gmv", `<span class="plus" data-n="minute"></span> ${word("lastMinute")}`)}
  ${kpi("orders", "orders", `<b data-n="ordersMinute">–</b> ${word("perMinute")}`, `<div class="spark"></div>`)}
  ${kpi("uv", "uv", `<b data-n="yesterday">–</b> ${word("yesterday")}`)}
  ${kpi("views", "views", `<b data-n="viewsRate">–</b> ${word("perSecond")}`, `<div class="spark"></div>`)}
  ${kpi("conversion", "conversion", `<b data-n="buyers">–</b> ${word("buyers")}`, `<svg class="ring" viewBox="0 0 36 36" aria-hidden="true"><circle cx="18" cy="18" r="15.5"/><circle class="arc" cx="18" cy="18" r="15.5" pathLength="100"/></svg>`)}
  ${panel("provinces", "provinces", `<div class="body"></div>`)}
  ${panel("trend", "trend", `<div class="body"></div>`, "")}
  ${panel("top", "top", `<div class="body"></div>`, `<span id="hour"></span>`)}
  ${panel("funnel", "funnel", `<div class="body"></div>`)}
  ${panel("traffic", "traffic", `<div class="body"><div class="donut"><div class="chart"></div><div class="middle"><b data-n="trafficTotal">–</b>${word("all", "small")}</div></div><ul></ul></div>`)}
  ${panel("days", "days", `<div class="body"></div>`)}
  ${panel("health", "health", `<div class="body">${stat("lag", "lag")}${stat("dead", "dead")}${stat("misses", "misses")}${stat("jobs", "jobs")}</div>`)}
  <section class="panel road" data-tile="road"><span class="state"></span>
    <div class="station source" data-layer="source" data-grade="good"><div class="lamp"></div><div class="who"><b data-t="source">${t("source")}</b>${word("sourceNote", "small")}</div></div>
    ${hop}${station("ods", "ods", "odsNote")}${hop}${station("dwd", "dwd", "dwdNote")}${hop}${station("dm", "dm", "dmNote")}${hop}${station("store", "store", "storeNote")}
  </section>
</main>`;
