// Tables and lists: nodes, zones, tickets, orders, payers.

import { at, attribute, bytes, count, h, keyed, say, short, span } from "./dom.js";

/** Nodes shown before somebody asks for more. */
const PAGE = 100;

const COLUMNS = ["", "Standing", "Zone", "Sessions", "Delivers", "Cache", "Free", "Seen", "Version", "Address"];
const NUMBERS = new Set(["Sessions", "Delivers", "Cache", "Free", "Seen"]);

let shown = PAGE;
let latest = null;

function makeNode(node) {
    const cells = COLUMNS.slice(1).map((title) =>
        h("td", { "data-title": title, class: NUMBERS.has(title) ? "number" : null }),
    );
    cells[0].append(h("span", { class: "standing" }), h("small"));
    return h("tr", {}, h("th", { scope: "row", title: node.node }, h("code", {}, short(node.node))), ...cells);
}

function updateNode(row, node) {
    const [, standing, zone, sessions, delivers, cache, free, seen, version, address] = row.children;
    const orders = node.orders_outstanding === 0 ? "" : `, ${count(node.orders_outstanding)} orders outstanding`;
    const [name, why] = standing.children;
    attribute(name, "class", `standing ${node.standing}`);
    say(name, node.standing);
    say(why, `${node.reason ?? ""}${orders}`.replace(/^, /, ""));
    say(zone, node.zone);
    say(sessions, `${count(node.sessions)} of ${count(node.bound)}`);
    say(delivers, `${bytes(node.bytes_per_s)}/s`);
    say(cache, bytes(node.cached_bytes));
    say(free, bytes(node.free_bytes));
    say(seen, `${span(node.heartbeat_age_ms)} ago`);
    say(version, node.version);
    say(address, node.address);
}

/** Whether a node is looked for. */
function isWanted(node, words, standing) {
    if (standing === "!" ? node.standing === "available" : standing && node.standing !== standing) return false;
    const line = [node.node, node.zone, node.standing, node.address, node.version, node.reason ?? ""].join(" ");
    const lower = line.toLowerCase();
    return words.every((word) => lower.includes(word));
}

export function drawNodes(status) {
    latest = status ?? latest;
    if (!latest) return;
    const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = latest.nodes.filter((node) => isWanted(node, words, at("standing").value));
    // Those that need somebody come first.
    wanted.sort((a, b) => (a.standing === "available") - (b.standing === "available"));
    keyed(at("nodes").tBodies[0], wanted.slice(0, shown), (node) => node.node, makeNode, updateNode);
    const all = latest.nodes_known;
    const of = wanted.length === all ? `${count(all)} nodes` : `${count(wanted.length)} of ${count(all)} nodes`;
    say(at("shown"), `${of}; ${count(latest.nodes_registered)} are registered`);
    const left = wanted.length - shown;
    at("more").hidden = left <= 0;
    say(at("more"), `Show ${count(Math.min(Math.max(left, 0), PAGE))} more of ${count(Math.max(left, 0))}`);
}

export function watchNodes() {
    at("filter").addEventListener("input", () => drawNodes());
    at("standing").addEventListener("input", () => drawNodes());
    at("more").addEventListener("click", () => {
        shown += PAGE;
        drawNodes();
    });
}

const meter = (label) => h("meter", { class: "meter", min: 0, max: 1, "aria-label": label });

export function drawZones(zones) {
    const make = (zone) =>
        h(
            "tr",
            {},
            h("th", { scope: "row" }, zone.name),
            h("td", { class: "number" }),
            h("td", { class: "number" }),
            h("td", { class: "number" }),
            h("td", {}, meter(`Load of ${zone.name}`)),
        );
    keyed(at("zones").tBodies[0], zones, (zone) => zone.name, make, (row, zone) => {
        const [, nodes, sessions, delivers, load] = row.children;
        say(nodes, `${count(zone.available)} of ${count(zone.nodes)}`);
        say(sessions, `${count(zone.load)} of ${count(zone.bound)}`);
        say(delivers, `${bytes(zone.bytes_per_s)}/s`);
        load.firstChild.value = zone.bound > 0 ? zone.load / zone.bound : 0;
    });
}

export function drawTickets({ tickets, epochs }) {
    const make = (one) =>
        h(
            "tr",
            {},
            h("th", { scope: "row" }, count(one.epoch)),
            h("td", { class: "number" }),
            h("td", { class: "number" }),
            h("td", {}, meter(`Share redeemed of epoch ${one.epoch}`)),
        );
    keyed(at("tickets").tBodies[0], tickets, (one) => one.epoch, make, (row, one) => {
        const [, issued, redeemed, share] = row.children;
        say(issued, count(one.issued));
        say(redeemed, count(one.redeemed));
        share.firstChild.value = one.issued > 0 ? Math.min(one.redeemed / one.issued, 1) : 0;
    });
    const { now, left_ms: left, committed_below: committed, attested_below: attested, missed } = epochs;
    const clock = now === null ? `The genesis is in ${span(left)}.` : `Epoch ${count(now)}, for ${span(left)} more.`;
    const late = missed > 0 ? ` ${count(missed)} epochs missed their commit window.` : "";
    say(at("epochs"), `${clock} Committed below ${count(committed)}, attested below ${count(attested)}.${late}`);
}

/** An order in words. */
function sentence({ order }) {
    if (typeof order === "string") return order;
    const [[name, what]] = Object.entries(order);
    const of = what.collection ? ` of ${what.collection.slice(0, 18)}…` : "";
    if (name === "push") return `push${of}`;
    if (name === "purge") {
        const paths = what.paths === "all" ? "everything" : Object.values(what.paths)[0];
        return `purge ${paths}${of}`;
    }
    if (name === "revoke") {
        const [[kind, which]] = Object.entries(what.what);
        const text = typeof which === "string" ? which : JSON.stringify(which);
        return `revoke ${kind} ${text.slice(0, 40)}`;
    }
    return name;
}

export function drawOrders({ orders, orders_outstanding: all, at: now }) {
    const make = (one) => h("li", {}, h("span"), h("small"));
    keyed(at("orders"), orders, (one) => one.id, make, (line, one) => {
        const targets = one.outstanding + one.confirmed + one.moot;
        const [what, who] = line.children;
        say(what, `${one.id}. ${sentence(one)}`);
        const names = one.waiting_for.slice(0, 4).map(short).join(", ");
        const more = one.outstanding > 4 ? ", …" : "";
        const age = span(Math.max(now - one.created_at, 0));
        say(who, `${count(one.outstanding)} of ${count(targets)} nodes have yet to confirm, for ${age}: ${names}${more}`);
    });
    const none = at("no-orders");
    none.hidden = all === orders.length && all > 0;
    say(none, all === 0 ? "Every node has confirmed all of them." : `And ${count(all - orders.length)} older ones.`);
}

/** What a payer has, in the token's smallest unit, of which there may be more than a number holds. */
function funds({ registered, left, promised }) {
    if (!registered) return "has never deposited, so nothing of these is delivered";
    if (left === null) return "what it has left isn't known yet";
    return `${count(BigInt(left))} units left, ${count(BigInt(promised))} of them promised`;
}

export function drawPayers(payers) {
    keyed(at("payers"), payers, (one) => one.account, () => h("li", {}, h("code"), h("small")), (line, one) => {
        const [account, what] = line.children;
        say(account, one.account);
        say(what, `${count(one.collections)} collections, ${bytes(one.bytes)}; ${funds(one)}`);
    });
    at("no-payers").hidden = payers.length > 0;
}
