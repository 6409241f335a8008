// hls.js plays a playlist in a headless Chromium, as told line by line on stdin; answers are JSON lines on stdout.
//
//   node play.mjs CHROMIUM URL
//
//   {"until": SECONDS}       waits until playback is there
//   {"seek": SECONDS}        jumps
//   {"rate": FACTOR}         plays faster
//   {"screenshot": PATH}     writes a PNG
//
// Each is answered with {"time", "frames", "dropped", "width", "stood_ms", "errors": [...], "hosts": [...]}: where
// playback is, frames so far, the picture's width, how long the picture stood still for want of data once it had begun,
// hls.js' fatal errors, and the hosts that segments came from. It ends with its stdin.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, url] = process.argv.slice(2);
const hls = readFileSync(fileURLToPath(import.meta.resolve("hls.js/dist/hls.min.js")), "utf8");
const patience = 60_000;
// A page of another origin than the gateway's, so that CORS is put to use. Chromium lets only secure pages ask for
// what is on this machine, and asks the user.
const origin = "https://player.test";
const page = `<!doctype html><title>player</title><style>body{margin:0;background:#000}video{width:100%}</style>
<video muted playsinline></video><script src="hls.js"></script>
<script>
const video = document.querySelector("video");
const seen = { errors: [], hosts: new Set(), stood: 0, since: null };
video.addEventListener("waiting", () => { if (video.currentTime > 0 && !video.seeking) seen.since ??= performance.now(); });
video.addEventListener("playing", () => {
    if (seen.since !== null) seen.stood += performance.now() - seen.since;
    seen.since = null;
});
// A short buffer: what is played is fetched while it plays.
const player = new Hls({ maxBufferLength: 4, maxMaxBufferLength: 4, backBufferLength: 4 });
player.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) seen.errors.push(data.details); });
player.on(Hls.Events.FRAG_LOADED, (_, data) => seen.hosts.add(new URL(data.frag.url).host));
player.loadSource(${JSON.stringify(url)});
player.attachMedia(video);
player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
</script>`;

const browser = await chromium.launch({
    executablePath,
    // Containers often let nobody make namespaces; nothing but our own page is opened.
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
});
const context = await browser.newContext({ viewport: { width: 960, height: 540 } });
await context.grantPermissions(["local-network-access"], { origin });
const tab = await context.newPage();
tab.on("pageerror", (error) => console.error(error.message));
tab.on("console", (line) => console.error(line.text()));
await tab.route(`${origin}/**`, (route) => {
    const script = route.request().url().endsWith(".js");
    const body = script ? hls : page;
    return route.fulfill({ body, contentType: script ? "text/javascript" : "text/html" });
});
await tab.goto(`${origin}/`);

const state = () =>
    tab.evaluate(() => {
        const { totalVideoFrames: frames, droppedVideoFrames: dropped } = video.getVideoPlaybackQuality();
        const { currentTime: time, videoWidth: width } = video;
        const stood_ms = Math.round(seen.stood);
        return { time, frames, dropped, width, stood_ms, errors: seen.errors, hosts: [...seen.hosts] };
    });

const commands = {
    until: (seconds) =>
        tab.waitForFunction(
            (seconds) => video.currentTime >= seconds || seen.errors.length > 0,
            seconds,
            { timeout: patience },
        ),
    seek: (seconds) =>
        tab.evaluate(
            (seconds) =>
                new Promise((done) => {
                    video.addEventListener("seeked", done, { once: true });
                    video.currentTime = seconds;
                }),
            seconds,
        ),
    rate: (factor) => tab.evaluate((factor) => void (video.playbackRate = factor), factor),
    screenshot: (path) => tab.screenshot({ path }),
};

for await (const line of createInterface({ input: process.stdin })) {
    for (const [name, value] of Object.entries(JSON.parse(line))) {
        await commands[name](value);
    }
    console.log(JSON.stringify(await state()));
}
await browser.close();
