import { BarChart, LineChart, PieChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { money, short } from "./format";

echarts.use([LineChart, BarChart, PieChart, GridComponent, TooltipComponent, CanvasRenderer]);

export const lineColours = ["#38d6ff", "#8f7bff", "#3ddc97", "#ffb547"];
const ink = "#e8eefc";
const muted = "#7f8fb0";
const font = "Inter, system-ui, sans-serif";

const tooltip = {
  backgroundColor: "rgba(10,17,34,.94)",
  borderColor: "rgba(120,160,255,.25)",
  textStyle: { color: ink, fontFamily: font, fontSize: 13 },
  extraCssText: "border-radius:10px;box-shadow:0 8px 30px rgba(0,0,0,.5)",
};

function fresh(e: HTMLElement): echarts.ECharts {
  const c = echarts.init(e, undefined, { renderer: "canvas" });
  new ResizeObserver(() => c.resize()).observe(e);
  return c;
}

const clock = (ms: number, zone: string): string =>
  new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(ms);

/** Turnover by minute: an area, and a bar that fills for the minute that is not over. */
export class Trend {
  private chart: echarts.ECharts;
  constructor(e: HTMLElement) {
    this.chart = fresh(e);
  }
  show(minutes: { time: number; gmv: number; orders: number }[], zone: string): void {
    const last = minutes.length - 1;
    const label = minutes.map((m) => clock(m.time, zone));
    const done = minutes.map((m, i) => (i < last ? m.gmv : null));
    const open = minutes.map((m, i) => (i === last ? m.gmv : null));
    const line = { type: "line" as const, smooth: 0.35, smoothMonotone: "x" as const, symbol: "none", animationDuration: 400, animationDurationUpdate: 800 };
    this.chart.setOption({
      grid: { left: 8, right: 8, top: 18, bottom: 4, containLabel: true },
      tooltip: {
        ...tooltip,
        trigger: "axis",
        axisPointer: { lineStyle: { color: "rgba(140,180,255,.4)" } },
        formatter: (ps: { dataIndex: number }[]) => {
          const m = minutes[ps[0]?.dataIndex ?? 0];
          return m ? `<b>${clock(m.time, zone)}</b><br>${money(m.gmv)} · ${m.orders}` : "";
        },
      },
      xAxis: {
        type: "category",
        data: label,
        boundaryGap: false,
        axisLine: { lineStyle: { color: "rgba(130,160,220,.18)" } },
        axisTick: { show: false },
        axisLabel: { color: muted, fontFamily: font, fontSize: 12, interval: (i: number) => (last - i) % (last > 40 ? 10 : last > 20 ? 5 : 2) === 0, hideOverlap: true },
      },
      yAxis: {
        type: "value",
        splitNumber: 4,
        axisLabel: { color: muted, fontFamily: font, fontSize: 12, formatter: (v: number) => short(v) },
        splitLine: { lineStyle: { color: "rgba(130,160,220,.09)" } },
      },
      series: [
        {
          ...line,
          data: done,
          lineStyle: { width: 3, color: new echarts.graphic.LinearGradient(0, 0, 1, 0, [{ offset: 0, color: "#5b7cff" }, { offset: 1, color: "#38d6ff" }]) },
          areaStyle: { color: new echarts.graphic.LinearGradient(0, 0, 0, 1, [{ offset: 0, color: "rgba(56,190,255,.38)" }, { offset: 1, color: "rgba(56,120,255,0)" }]) },
        },
        {
          type: "bar",
          data: open,
          barWidth: 12,
          clip: false,
          animationDurationUpdate: 800,
          itemStyle: {
            borderRadius: [6, 6, 0, 0],
            shadowBlur: 16,
            shadowColor: "rgba(56,214,255,.45)",
            color: new echarts.graphic.LinearGradient(0, 0, 0, 1, [{ offset: 0, color: "#7fe7ff" }, { offset: 1, color: "rgba(56,150,255,.25)" }]),
          },
        },
      ],
    });
  }
}

/** Views by business line. */
export class Donut {
  private chart: echarts.ECharts;
  constructor(e: HTMLElement) {
    this.chart = fresh(e);
  }
  show(lines: { name: string; views: number; colour: string }[]): void {
    this.chart.setOption({
      tooltip: { ...tooltip, trigger: "item" },
      series: [
        {
          type: "pie",
          radius: ["70%", "94%"],
          padAngle: 3,
          itemStyle: { borderRadius: 6 },
          label: { show: false },
          emphasis: { scaleSize: 4 },
          animationDurationUpdate: 700,
          data: lines.length > 0 ? lines.map((l) => ({ name: l.name, value: l.views, itemStyle: { color: l.colour } })) : [{ name: "", value: 1, itemStyle: { color: "rgba(130,160,220,.12)" }, tooltip: { show: false } }],
        },
      ],
    });
  }
}

/** Visitors by day; the last bar is today. */
export class Days {
  private chart: echarts.ECharts;
  constructor(e: HTMLElement) {
    this.chart = fresh(e);
  }
  show(days: { date: string; uv: number }[]): void {
    this.chart.setOption({
      grid: { left: 2, right: 2, top: 16, bottom: 0, containLabel: true },
      tooltip: { ...tooltip, trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: "rgba(130,160,220,.08)" } } },
      xAxis: {
        type: "category",
        data: days.map((d) => d.date.slice(5)),
        axisLine: { lineStyle: { color: "rgba(130,160,220,.18)" } },
        axisTick: { show: false },
        axisLabel: { color: muted, fontFamily: font, fontSize: 11, interval: (i: number) => (days.length - 1 - i) % 3 === 0 },
      },
      yAxis: { type: "value", splitNumber: 2, axisLabel: { color: muted, fontFamily: font, fontSize: 11, formatter: (v: number) => short(v) }, splitLine: { lineStyle: { color: "rgba(130,160,220,.09)" } } },
      series: [
        {
          type: "bar",
          barWidth: "56%",
          animationDurationUpdate: 700,
          data: days.map((d, i) => ({
            value: d.uv,
            itemStyle: {
              borderRadius: [5, 5, 0, 0],
              color: new echarts.graphic.LinearGradient(0, 0, 0, 1, i === days.length - 1 ? [{ offset: 0, color: "#b59bff" }, { offset: 1, color: "#6b5bff" }] : [{ offset: 0, color: "rgba(143,123,255,.55)" }, { offset: 1, color: "rgba(107,91,255,.22)" }]),
            },
          })),
        },
      ],
    });
  }
}

/** A small line without axes, as SVG. */
export function spark(values: number[], width = 120, height = 30): string {
  if (values.length < 2) return "";
  const top = Math.max(...values, 1e-9);
  // A steady flow is a line with some life in it, not one along the upper edge.
  const low = Math.min(...values) * 0.7;
  const x = (i: number): number => (i / (values.length - 1)) * width;
  const y = (v: number): number => height - 2 - ((v - low) / Math.max(top - low, 1e-9)) * (height - 5);
  const line = values.map((v, i) => `${i === 0 ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  return `<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true"><path class="spark-area" d="${line}L${width} ${height}L0 ${height}Z"/><path class="spark-line" d="${line}" vector-effect="non-scaling-stroke"/></svg>`;
}
