// The page: a token at the door, then the status as it changes.

import { drawCharts } from "./charts.js";
import { at, bytes, count, h, keyed, say, short, span } from "./dom.js";
import { Refused, follow } from "./feed.js";
import { drawMap } from "./map.js";
import { drawNodes, drawOrders, drawPayers, drawTickets, drawZones, watchNodes } from "./tables.js";

const KEY = "quittance-admin-token";
/** Changes that are kept. */
const CHANGES_MAX = 50;
const LINKS = { off: "not connected", live: "live", lost: "connection lost, trying again" };

let watching = null;
/** Standing of each node when it was last seen. */
let standings = null;

function link(state) {
    const pill = at("link");
    pill.dataset.state = state;
    say(pill, LINKS[state]);
    at("board").toggleAttribute("data-stale", state === "lost");
}

function tiles(status) {
    const { traffic, fills, tickets, epochs } = status;
    const newest = tickets[0] ?? { issued: 0, redeemed: 0 };
    const down = status.nodes_known - status.nodes_available;
    const all = [
        ["Nodes with traffic", count(status.nodes_available), `of ${count(status.nodes_known)}`, down > 0],
        ["Delivering", `${bytes(traffic.bytes_per_s)}/s`, `${bytes(traffic.bytes)} since the start`],
        ["Requests", `${count(traffic.requests_per_s)}/s`, `${count(traffic.requests)} since the start`],
        ["Sessions", count(traffic.sessions), `${count(status.collections)} collections`],
        ["Fills", count(fills.running), `${count(fills.done)} done, ${bytes(fills.bytes)}`],
        ["Tickets", count(newest.issued), `${count(newest.redeemed)} redeemed in epoch ${epochs.now ?? "–"}`],
        ["Orders outstanding", count(status.orders_outstanding), status.orders_outstanding ? "not confirmed yet" : "all confirmed"],
    ];
    keyed(at("tiles"), all, ([title]) => title, ([title]) => h("div", {}, h("dt", {}, title), h("dd", {}, h("span"), h("small"))), (tile, [, value, note, bad]) => {
        tile.className = bad ? "bad" : "";
        const [number, small] = tile.lastElementChild.children;
        say(number, value);
        say(small, note);
    });
}

/** Says which nodes came, went, or stand otherwise than before. */
function changes(status) {
    const now = new Map(status.nodes.map((node) => [node.node, node]));
    if (standings) {
        for (const [id, node] of now) {
            const before = standings.get(id);
            if (before === node.standing) continue;
            const why = node.reason ? `: ${node.reason}` : "";
            note(status.at, `${short(id)} in ${node.zone} is ${node.standing}${before ? `, was ${before}` : ""}${why}`, node.standing);
        }
    }
    standings = new Map([...now].map(([id, node]) => [id, node.standing]));
}

function note(when, text, standing) {
    const time = new Date(when);
    const clock = time.toLocaleTimeString("en", { hour12: false });
    const mark = h("i", { class: `dot ${standing}`, "aria-hidden": "true" });
    at("changes").prepend(h("li", {}, mark, h("time", { datetime: time.toISOString() }, clock), text));
    while (at("changes").children.length > CHANGES_MAX) at("changes").lastElementChild.remove();
    at("no-changes").hidden = true;
}

function show(status) {
    const { network } = status;
    // First: what is drawn has to know how wide it is.
    at("door").hidden = true;
    at("board").hidden = false;
    at("leave").hidden = false;
    say(
        at("network"),
        `Issuer ${status.issuer_index} on chain ${network.chain_id}, version ${status.version}, up for ${span(status.uptime_ms)}`,
    );
    tiles(status);
    changes(status);
    drawMap(status);
    drawCharts(status.traffic);
    drawTickets(status);
    drawOrders(status);
    drawPayers(status.payers);
    drawZones(status.zones);
    drawNodes(status);
}

function leave(reason) {
    watching?.abort();
    watching = null;
    standings = null;
    sessionStorage.removeItem(KEY);
    at("board").hidden = true;
    at("leave").hidden = true;
    at("door").hidden = false;
    say(at("refused"), reason);
    say(at("network"), "");
    link("off");
    at("token").focus();
}

async function enter(token) {
    watching?.abort();
    const own = new AbortController();
    watching = own;
    try {
        await follow(token, own.signal, show, link);
    } catch (error) {
        if (own.signal.aborted) return;
        if (error instanceof Refused) leave(error.message);
        else throw error;
    }
}

at("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = at("token").value.trim();
    at("token").value = "";
    say(at("refused"), "");
    sessionStorage.setItem(KEY, token);
    enter(token);
});
at("leave").addEventListener("click", () => leave(""));
watchNodes();
const known = sessionStorage.getItem(KEY);
if (known) enter(known);
else at("token").focus();
