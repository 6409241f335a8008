// The map: zones where their operator says they are, and around each its nodes, a dot each.

import { LAND } from "./land.js";
import { at, count, s, say, short } from "./dom.js";

/** Half degrees: the whole width, and what of the height has land. */
const WORLD = { x: 0, y: 12, width: 720, height: 288 };
const RATIO = WORLD.width / WORLD.height;
/** The least that is shown, so that a network of one city still looks like a map. */
const WIDTH_MIN = 200;
/** How wide a zone's nodes may spread, as a share of what is shown. */
const SPREAD = 0.042;
/** Height of a zone's name, in pixels of the screen. */
const NAME_PX = 13;
/** Turns between two nodes, so that they fill a disc evenly. */
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

const project = (zone) => ({ x: (zone.longitude + 180) * 2, y: (90 - zone.latitude) * 2 });
const isPlaced = (zone) => zone.latitude !== null && zone.longitude !== null;

let drawn = { zones: null, svg: null, layer: null, view: WORLD };

/** What holds all zones, with room around, in the map's proportions. */
function frame(points) {
    if (points.length === 0) return WORLD;
    const xs = points.map((point) => point.x);
    const ys = points.map((point) => point.y);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    let width = Math.max((right - left) * 1.35 + 40, ((bottom - top) * 1.8 + 70) * RATIO, WIDTH_MIN);
    width = Math.min(width, WORLD.width);
    const height = width / RATIO;
    const clamp = (value, from, to) => Math.max(from, Math.min(value, to));
    return {
        x: clamp((left + right - width) / 2, 0, WORLD.width - width),
        y: clamp((top + bottom - height) / 2, WORLD.y, WORLD.y + WORLD.height - height),
        width,
        height,
    };
}

function ground(view) {
    const lines = [];
    for (let x = 0; x <= 720; x += 60) lines.push(`M${x} 0V360`);
    for (let y = 0; y <= 360; y += 60) lines.push(`M0 ${y}H720`);
    const layer = s("g");
    const svg = s(
        "svg",
        { viewBox: `${view.x} ${view.y} ${view.width} ${view.height}`, role: "img", "aria-labelledby": "map-title map-said" },
        s("title", { id: "map-said" }),
        s("path", { class: "land", d: LAND }),
        s("path", { class: "graticule", d: lines.join("") }),
        layer,
    );
    at("map").replaceChildren(svg);
    return { svg, layer };
}

/** Boxes of names that are there already: who finds no room has its name in a tooltip only. */
function findRoom(taken, view, x, y, reach, size, name) {
    const half = (Math.max(name.length, 8) * size * 0.6) / 2;
    for (const top of [y + reach + size * 0.1, y - reach - size * 2.4]) {
        const box = { left: x - half, right: x + half, top, bottom: top + size * 2.2 };
        const hits = (other) =>
            box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom;
        const fits = box.top > view.y && box.bottom < view.y + view.height;
        if (fits && !taken.some(hits)) {
            taken.push(box);
            return top + size;
        }
    }
    return null;
}

function drawZone(zone, nodes, view, taken) {
    const { x, y } = project(zone);
    const radius = view.width * SPREAD;
    // Dots are as large as they can be, up to what looks well.
    const step = Math.min(radius / 3.2, (radius / Math.sqrt(Math.max(nodes.length, 1))) * 0.95);
    const dots = nodes.map((node, index) => {
        const far = step * Math.sqrt(index);
        const dot = s(
            "circle",
            {
                class: `node ${node.standing}`,
                cx: (x + far * Math.cos(index * GOLDEN)).toFixed(2),
                cy: (y + far * Math.sin(index * GOLDEN)).toFixed(2),
                r: (step * 0.46).toFixed(2),
                "stroke-width": (step * 0.12).toFixed(2),
            },
            s("title", {}, `${short(node.node)}: ${node.standing}`),
        );
        return dot;
    });
    const reach = step * Math.sqrt(Math.max(nodes.length - 1, 0)) + step;
    const around = nodes.length === 0
        ? s("circle", { class: "empty", cx: x, cy: y, r: radius / 4 })
        : s("circle", { class: "halo", cx: x, cy: y, r: reach.toFixed(2) });
    const size = (NAME_PX * view.width) / Math.max(at("map").clientWidth, 1);
    const line = findRoom(taken, view, x, y, nodes.length === 0 ? radius / 4 : reach, size, zone.name);
    const texts = line === null
        ? []
        : [
            s("text", { x, y: line, "font-size": size, "stroke-width": size / 4 }, zone.name),
            s(
                "text",
                { class: "count", x, y: line + size * 1.05, "font-size": size * 0.85, "stroke-width": size / 5 },
                `${count(zone.available)} of ${count(zone.nodes)}`,
            ),
        ];
    const told = `${zone.name}: ${zone.available} of ${zone.nodes} nodes get traffic`;
    return s("g", { class: "zone" }, s("title", {}, told), around, ...dots, ...texts);
}

/** What has to be drawn: nothing else changes the picture. */
const picture = (status) =>
    JSON.stringify([
        at("map").clientWidth,
        status.zones.map((zone) => [zone.name, zone.latitude, zone.longitude, zone.nodes, zone.available]),
        status.nodes.map((node) => [node.node, node.zone, node.standing]),
    ]);

export function drawMap(status) {
    const now = picture(status);
    if (drawn.picture === now) return;
    const placed = status.zones.filter(isPlaced);
    const places = JSON.stringify(placed.map((zone) => [zone.latitude, zone.longitude]));
    if (drawn.places !== places) {
        const view = frame(placed.map(project));
        drawn = { places, view, ...ground(view) };
    }
    drawn.picture = now;
    const by = Map.groupBy(status.nodes, (node) => node.zone);
    // The largest is named first, and drawn last.
    const sorted = placed.toSorted((a, b) => b.nodes - a.nodes);
    const taken = [];
    const zones = sorted.map((zone) => drawZone(zone, by.get(zone.name) ?? [], drawn.view, taken)).reverse();
    drawn.layer.replaceChildren(...zones);
    const available = placed.reduce((sum, zone) => sum + zone.available, 0);
    say(drawn.svg.querySelector("title"), `${placed.length} zones with ${available} nodes that get traffic`);

    const elsewhere = status.zones.filter((zone) => !isPlaced(zone) && zone.nodes > 0);
    const lines = elsewhere.map((zone) => `${zone.name} (${count(zone.available)} of ${count(zone.nodes)} nodes)`);
    const note = at("off-map");
    note.hidden = lines.length === 0 && status.nodes.length > 0;
    say(note, lines.length > 0 ? `Not on the map, since the zone file gives no coordinates: ${lines.join(", ")}.` : "No node has joined yet.");
}
