// A service that answers as a test wants, and a clock that the test sets.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const session = {
  id: 'cs_1', state: 'connected', confirmed: true, location_id: 'loc_1', direction: 'IMPORT', type: 'COMMODITY',
  created_at: '2026-11-23T02:44:06Z', expires_at: '2026-11-24T02:44:06Z', ended_at: '2026-11-23T02:51:37Z', live_mode: false,
};
export const minted = { id: 'cs_1', state: 'created', launch_url: 'https://api.example.com/connect#ticket=cs_1.SECRET' };

export const json = (value, status = 200, headers = {}) =>
  new Response(JSON.stringify(value), { status, headers: { 'X-Request-Id': 'req_1', ...headers } });
export const problem = (status, code, headers) =>
  json({ status, code, detail: 'What to do.', request_id: 'req_2' }, status, headers);

/** Answers with each of these in turn, and with the last one again; one that is an error is thrown. */
export function service(...answers) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    const given = typeof answer === 'function' ? await answer(url, init) : answer;
    if (given instanceof Error) throw given;
    return given.clone();
  };
  return { fetch, requests };
}

/** In place of the time: pauses are over at once, and noted; deadlines are when they are called for. */
export function startClock() {
  const real = { setTimeout, clearTimeout };
  const clock = { pauses: [], timeouts: [], deadlines: new Set(), stop: () => Object.assign(globalThis, real) };
  globalThis.setTimeout = (work, milliseconds) => {
    const timer = { work };
    // The deadlines of an answer and of a stream.
    if (milliseconds === 30_000 || milliseconds === 45_000) {
      clock.deadlines.add(timer);
      clock.timeouts.push(milliseconds);
    } else {
      clock.pauses.push(milliseconds);
      timer.real = real.setTimeout(work, 0);
    }
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    clock.deadlines.delete(timer);
    real.clearTimeout(timer?.real);
  };
  clock.expire = () => { for (const { work } of clock.deadlines) work(); };
  return clock;
}

/** Where a script of this text is `/connect.js`. */
export function hostOf(script) {
  const folder = mkdtempSync(join(tmpdir(), 'connect-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'connect.js'), script);
  return pathToFileURL(folder).href;
}
