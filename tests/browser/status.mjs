// The control plane's page in a headless Chromium, as told line by line on stdin; answers are JSON lines on stdout.
//
//   node status.mjs CHROMIUM URL
//
//   {"enter": TOKEN}                    enters the token
//   {"until": TEXT}                     waits until the page shows it
//   {"gone": TEXT}                      waits until it doesn't
//   {"filter": TEXT}                    looks for nodes
//   {"look": {"scheme", "width"}}       dark or light, and how wide the window is
//   {"screenshot": PATH}                writes a PNG of the whole page
//
// Each is answered with {"text", "nodes", "wide", "errors": [...], "elsewhere": [...]}: what the page shows, rows of the
// table of nodes, how many pixels it is wider than the window, errors on the console, and requests to other hosts.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, url] = process.argv.slice(2);
const patience = 60_000;
const errors = [];
const elsewhere = [];

// Containers often let nobody make namespaces; nothing but our own page is opened.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const tab = await browser.newPage({ viewport: { width: 1440, height: 900 } });
tab.on("pageerror", (error) => errors.push(error.message));
tab.on("console", (line) => line.type() === "error" && errors.push(line.text()));
tab.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && host !== new URL(url).host) elsewhere.push(request.url());
});
await tab.goto(url);

const shows = (text, is) =>
    tab.waitForFunction(([text, is]) => document.body.innerText.includes(text) === is, [text, is], { timeout: patience });

const commands = {
    enter: async (token) => {
        await tab.fill("#token", token);
        await tab.press("#token", "Enter");
    },
    until: (text) => shows(text, true),
    gone: (text) => shows(text, false),
    filter: (text) => tab.fill("#filter", text),
    look: async ({ scheme, width }) => {
        await tab.emulateMedia({ colorScheme: scheme });
        await tab.setViewportSize({ width, height: width > 600 ? 900 : 844 });
    },
    screenshot: (path) => tab.screenshot({ path, fullPage: true }),
};

for await (const line of createInterface({ input: process.stdin })) {
    for (const [name, value] of Object.entries(JSON.parse(line))) {
        await commands[name](value);
    }
    const state = await tab.evaluate(() => ({
        text: document.body.innerText,
        nodes: document.querySelectorAll("#nodes tbody tr").length,
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    }));
    console.log(JSON.stringify({ ...state, errors, elsewhere }));
}
await browser.close();
