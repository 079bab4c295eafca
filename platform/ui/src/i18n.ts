// Labels in two languages; English unless the visitor chose.

const words = {
  title: ["Real-time commerce", "实时经营大屏"],
  gmv: ["GMV today", "今日成交额"],
  lastMinute: ["last minute", "上一分钟"],
  orders: ["Paid orders", "支付订单"],
  perMinute: ["per minute", "每分钟"],
  uv: ["Unique visitors", "独立访客"],
  yesterday: ["yesterday", "昨日"],
  views: ["Page views", "浏览量"],
  perSecond: ["per second", "每秒"],
  conversion: ["Conversion", "转化率"],
  buyers: ["buyers", "支付用户"],
  trend: ["GMV per minute", "每分钟成交额"],
  provinces: ["GMV by province", "各省成交额"],
  top: ["Top products", "热销商品"],
  hour: ["hour of", "时段"],
  traffic: ["Traffic by line", "各端流量"],
  funnel: ["Orders today", "今日订单"],
  placed: ["Placed", "下单"],
  paid: ["Paid", "支付"],
  open: ["Unpaid", "待支付"],
  cancelled: ["Cancelled", "取消"],
  refunded: ["Refunded", "退款"],
  days: ["Visitors by day", "每日访客"],
  health: ["Health", "运行状况"],
  lag: ["Records behind", "积压"],
  dead: ["Dead letters", "死信"],
  misses: ["Join misses", "关联缺失"],
  jobs: ["Jobs running", "运行作业"],
  source: ["Sources", "数据源"],
  sourceNote: ["binlog · events · logs", "binlog · 埋点 · 日志"],
  ods: ["ODS", "ODS 贴源层"],
  odsNote: ["as it happened", "原始数据"],
  dwd: ["DWD", "DWD 明细层"],
  dwdNote: ["cleaned and joined", "清洗与关联"],
  dm: ["DM", "DM 集市层"],
  dmNote: ["wide tables, metrics", "宽表与指标"],
  store: ["Stores", "存储"],
  storeNote: ["business change to table", "业务变更到入库"],
  rows: ["rows/s", "行/秒"],
  idle: ["idle", "空闲"],
  live: ["Live", "实时"],
  connecting: ["Connecting", "连接中"],
  offline: ["Offline", "已断开"],
  waiting: ["waiting for data", "等待数据"],
  down: ["no answer", "无响应"],
  all: ["total", "合计"],
} as const;

export type Word = keyof typeof words;
export type Lang = "en" | "zh";

let lang: Lang = "en";
try {
  if (localStorage.getItem("freshet.lang") === "zh") lang = "zh";
} catch {
  // No storage, as in a private window: English.
}

export const language = (): Lang => lang;
export const t = (w: Word): string => words[w][lang === "zh" ? 1 : 0];

export function choose(l: Lang): void {
  lang = l;
  document.documentElement.lang = l === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem("freshet.lang", l);
  } catch {
    // It holds for this visit.
  }
  for (const e of document.querySelectorAll<HTMLElement>("[data-t]")) e.textContent = t(e.dataset.t as Word);
}
