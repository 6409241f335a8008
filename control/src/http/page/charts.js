// The last minutes, a small chart for each figure.

import { at, bytes, count, h, s, say } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 84;

const CHARTS = [
    { title: "Delivered", value: (point) => point.bytes_per_s, told: (value) => `${bytes(value)}/s` },
    { title: "Requests", value: (point) => point.requests_per_s, told: (value) => `${count(value)}/s` },
    { title: "Tickets issued", value: (point, interval) => (point.tickets * 60_000) / interval, told: (value) => `${count(Math.round(value))} a minute` },
];

function make(chart) {
    const now = h("b");
    const most = h("span", { class: "quiet" });
    const area = s("path", { class: "area" });
    const curve = s("path", { class: "curve" });
    const svg = s(
        "svg",
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
        s("path", { class: "grid", d: `M0 .5H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}` }),
        area,
        curve,
    );
    const caption = h("figcaption", {}, h("span", {}, `${chart.title} `, now), most);
    const axis = h("div", { class: "axis", "aria-hidden": "true" }, h("span", {}, "10 min ago"), h("span", {}, "now"));
    const figure = h("figure", { class: "chart" }, caption, svg, axis);
    return { ...chart, figure, now, most, area, curve, svg };
}

let charts = null;

export function drawCharts({ history, interval_ms: interval }) {
    if (!charts) {
        charts = CHARTS.map(make);
        at("charts").replaceChildren(...charts.map((chart) => chart.figure));
    }
    for (const chart of charts) {
        const values = history.map((point) => chart.value(point, interval));
        const most = Math.max(...values, 0);
        const last = values.at(-1) ?? 0;
        say(chart.now, chart.told(last));
        say(chart.most, `at most ${chart.told(most)}`);
        chart.svg.setAttribute("aria-label", `${chart.title}: ${chart.told(last)} now, at most ${chart.told(most)}`);
        // The newest is at the right, however many there are.
        const step = (interval / 600_000) * WIDTH;
        const x = (index) => (WIDTH - (values.length - 1 - index) * step).toFixed(1);
        const y = (value) => (HEIGHT - 1 - (most > 0 ? value / most : 0) * (HEIGHT - 4)).toFixed(1);
        const line = values.map((value, index) => `${x(index)} ${y(value)}`).join("L");
        chart.curve.setAttribute("d", line && `M${line}`);
        chart.area.setAttribute("d", line && `M${x(0)} ${HEIGHT}L${line}L${WIDTH} ${HEIGHT}Z`);
    }
}
