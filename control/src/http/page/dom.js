// Elements, and how numbers are written. Whatever comes from elsewhere becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const at = (id) => document.getElementById(id);

/** Sets text where it is another, so that nothing is drawn anew that stays. */
export function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

export function attribute(element, name, value) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export const count = (number) => number.toLocaleString("en");

export function bytes(number) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = 0;
    while (number >= 1024 && unit < units.length - 1) {
        number /= 1024;
        unit += 1;
    }
    return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

/** A length of time, in its two largest units. */
export function span(ms) {
    const seconds = Math.floor(ms / 1000);
    const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
    if (days) return `${days} d ${hours % 24} h`;
    if (hours) return `${hours} h ${minutes % 60} min`;
    if (minutes) return `${minutes} min ${seconds % 60} s`;
    return `${seconds} s`;
}

/** The first bytes of an id, as the command line shows it. */
export const short = (id) => id.replace(/^0x/, "").slice(0, 8);

/**
 * Makes a list's children those of its items: `make` is called for new ones, `update` for all; those that stay are the
 * same elements, in the order of the items.
 */
export function keyed(parent, items, key, make, update) {
    const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    let place = parent.firstElementChild;
    for (const item of items) {
        const name = String(key(item));
        let child = known.get(name);
        known.delete(name);
        if (!child) {
            child = make(item);
            child.dataset.key = name;
        }
        update(child, item);
        if (child === place) place = place.nextElementSibling;
        else parent.insertBefore(child, place);
    }
    for (const gone of known.values()) gone.remove();
}
