// The status, as it comes: server-sent events over fetch, since an EventSource sends no token.

const PAUSE_MIN = 1000;
const PAUSE_MAX = 10_000;
/** An event comes each second; who is silent for so long is gone. */
const SILENCE_MAX = 15_000;

/** A token that is no good. */
export class Refused extends Error {}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Calls `show` with each status, until `signal` ends it or the token is refused. `state` hears "live" and "lost". */
export async function follow(token, signal, show, state) {
    let pause = PAUSE_MIN;
    while (!signal.aborted) {
        try {
            await once(token, signal, (status) => {
                pause = PAUSE_MIN;
                state("live");
                show(status);
            });
        } catch (error) {
            if (error instanceof Refused || signal.aborted) throw error;
        }
        state("lost");
        await wait(pause);
        pause = Math.min(pause * 2, PAUSE_MAX);
    }
}

async function once(token, signal, show) {
    const silent = new AbortController();
    const either = AbortSignal.any([signal, silent.signal]);
    let timer = setTimeout(() => silent.abort(), SILENCE_MAX);
    try {
        const response = await fetch("v1/status/events", {
            headers: { authorization: `Bearer ${token}` },
            cache: "no-store",
            signal: either,
        });
        if (response.status === 401 || response.status === 403) {
            const { error } = await response.json();
            throw new Refused(error);
        }
        if (!response.ok) return;
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let read = "";
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            clearTimeout(timer);
            timer = setTimeout(() => silent.abort(), SILENCE_MAX);
            read += value;
            // Of several that came at once the last one counts.
            const end = read.lastIndexOf("\n\n");
            if (end < 0) continue;
            const events = read.slice(0, end);
            read = read.slice(end + 2);
            const last = events.slice(events.lastIndexOf("\n\n") + 1).trim();
            show(JSON.parse(last.replace(/^data: /, "")));
        }
    } finally {
        clearTimeout(timer);
    }
}
