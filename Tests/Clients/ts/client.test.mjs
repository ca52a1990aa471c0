// What the library decides, without a service: retries, deadlines, streams, the page's script.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';

import { ConnectClient as Client } from '../../../clients/typescript/client.js';
import { ConnectClient, ConnectError } from '../../../clients/typescript/index.js';
import { hostOf, json, minted, problem, service, session, startClock } from './fixture.mjs';

const baseURL = 'https://api.example.com/';
const client = (fetch, options) => new ConnectClient({ baseURL, getToken: () => 'token', fetch, ...options });
const isError = (code, status) => (error) => error instanceof ConnectError && error.code === code && error.status === status;

test('says who asks, and sends no cookie beside a token', async () => {
  const { fetch, requests } = service(json({ data: [] }));
  await client(fetch).tariffs('loc_1', { direction: 'IMPORT', starting_after: undefined, limit: 5 });
  await new ConnectClient({ baseURL: new URL('https://api.example.com'), fetch }).locations();
  assert.equal(requests[0].url, 'https://api.example.com/v1/tariffs/elements?location_id=loc_1&direction=IMPORT&limit=5');
  assert.deepEqual([requests[0].headers.Authorization, requests[0].credentials], ['Bearer token', 'omit']);
  assert.deepEqual([requests[1].headers.Authorization, requests[1].credentials], [undefined, 'same-origin']);
});

test('an identifier cannot lead to another path', async () => {
  const { fetch, requests } = service(json(session));
  await client(fetch).session('../locations?x=1#');
  assert.equal(requests[0].url, 'https://api.example.com/v1/connect/sessions/..%2Flocations%3Fx%3D1%23');
});

test('waits as long as Retry-After says, and not for longer than 20 seconds', async () => {
  const clock = startClock();
  try {
    const busy = (seconds, status = 503) => problem(status, 'overloaded', { 'Retry-After': String(seconds) });
    for (const status of [409, 422, 429, 503]) {
      const { fetch } = service(busy(20, status), busy(0, status), json({ data: [] }));
      assert.deepEqual(await client(fetch).locations(), { data: [] });
    }
    assert.deepEqual(clock.pauses, [20_000, 0, 20_000, 0, 20_000, 0, 20_000, 0]);
    const { fetch, requests } = service(busy(21));
    await assert.rejects(client(fetch).locations(), (error) => isError('overloaded', 503)(error) && error.retryAfter === 21);
    assert.equal(requests.length, 1);
    for (const status of [400, 404, 500, 502, 504]) {
      const other = service(busy(1, status));
      await assert.rejects(client(other.fetch).locations(), isError('overloaded', status));
      assert.equal(other.requests.length, 1, status);
    }
  } finally {
    clock.stop();
  }
});

test('tries three times without an answer, and sends what has no key once', async () => {
  const clock = startClock();
  try {
    const { fetch, requests } = service(new TypeError('fetch failed'));
    await assert.rejects(client(fetch).mint(), isError('network_error', 0));
    assert.deepEqual(clock.pauses, [500, 1000]);
    assert.equal(new Set(requests.map(({ headers }) => headers['Idempotency-Key'])).size, 1);
    requests.length = 0;
    const calls = [
      ['forgetLocation', 'loc_1'], ['deleteDevice', 'loc_1', 'dev_1'], ['simulateCost', 'loc_1', {}],
      ['scheduleByAmount', 'loc_1', {}]];
    for (const [method, ...all] of calls) await assert.rejects(client(fetch)[method](...all), isError('network_error', 0));
    assert.equal(requests.length, calls.length);
  } finally {
    clock.stop();
  }
});

test('an answer that does not come is none after 30 seconds', async () => {
  const clock = startClock();
  try {
    const hanging = (_, { signal }) => new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      setImmediate(clock.expire);
    });
    await assert.rejects(client(service(hanging).fetch).forgetLocation('loc_1'), isError('network_error', 0));
    assert.equal(clock.deadlines.size, 0);
  } finally {
    clock.stop();
  }
});

test('each tap has a key, a retry of the app has the one that it gives', async () => {
  const { fetch, requests } = service(json(minted, 201));
  for (const key of [undefined, undefined, 'tap-1']) await client(fetch).mint({}, { idempotencyKey: key });
  const keys = requests.map(({ headers }) => headers['Idempotency-Key']);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], 'tap-1');
  const { crypto } = globalThis;
  // A page without https, and React Native.
  Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });
  try {
    await client(fetch).mint();
  } finally {
    Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true });
  }
  assert.match(requests[3].headers['Idempotency-Key'], /^[!#-~]{20,128}$/);
});

test('asks for another token after a 401, once', async () => {
  const tokens = ['old', 'new', 'old', 'old'];
  const { fetch, requests } = service(problem(401, 'unauthenticated'), json({ data: [] }), problem(401, 'unauthenticated'));
  const signedIn = client(fetch, { getToken: async () => tokens.shift() });
  assert.deepEqual(await signedIn.locations(), { data: [] });
  await assert.rejects(signedIn.forgetLocation('loc_1'), isError('unauthenticated', 401));
  assert.deepEqual(requests.map(({ headers }) => headers.Authorization.slice(7)), ['old', 'new', 'old', 'old']);
  // A cookie cannot be asked for.
  await assert.rejects(new ConnectClient({ baseURL, fetch }).locations(), isError('unauthenticated', 401));
  assert.equal(requests.length, 5);
});

test('a signal that fires while an answer is awaited ends the request, and nothing listens to it after', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const hanging = (_, { signal: own }) => new Promise((resolve, reject) => {
    own.addEventListener('abort', () => reject(own.reason));
    controller.abort('enough');
  });
  await assert.rejects(client(service(hanging).fetch).forgetLocation('loc_1', { signal }), (error) => error === 'enough');
  const quiet = new AbortController().signal;
  const { fetch } = service(json(minted, 201), json(session));
  await client(fetch, { present: async () => null }).connect({}, { signal: quiet });
  assert.deepEqual([...getEventListeners(signal, 'abort'), ...getEventListeners(quiet, 'abort')], []);
});

test('a token that does not come can be aborted', async () => {
  const controller = new AbortController();
  const locations = client(assert.fail, { getToken: () => new Promise(() => {}) }).locations(controller);
  controller.abort('enough');
  await assert.rejects(locations, (error) => error === 'enough');
});

test('a token that cannot be had is the app’s own error, and nothing is sent', async () => {
  const { fetch, requests } = service(json({ data: [] }));
  const failure = new Error('signed out');
  await assert.rejects(client(fetch, { getToken: () => Promise.reject(failure) }).locations(), (error) => error === failure);
  assert.equal(requests.length, 0);
});

test('a signal that has fired sends nothing, and its reason is the error', async () => {
  const { fetch, requests } = service(json(session));
  const signal = AbortSignal.abort('enough');
  const all = client(fetch);
  for (const call of [all.locations({ signal }), all.mint({}, { signal }), all.followSession('cs_1', { signal }).next()]) {
    await assert.rejects(call, (error) => error === 'enough');
  }
  await assert.rejects(all.connect({}, { signal, present: () => new Promise(() => {}) }), (error) => error === 'enough');
  assert.equal(requests.length, 0);
});

test('no error quotes an answer', async () => {
  for (const answer of ['null', '"cot_1"', '{"id":"cs_1","launch_url":7,"x":"cot_1"}', 'cot_1', '[]', '']) {
    const { fetch } = service(new Response(answer, { status: 201, headers: { 'X-Request-Id': 'req_1' } }));
    await assert.rejects(client(fetch).mint(), (error) =>
      isError('invalid_answer', 201)(error) && error.requestId === 'req_1' && !/cot_/.test(error.stack + error.cause));
  }
});

test('no redirect is followed, and no answer of another origin is taken', async () => {
  const away = { status: 302, headers: { Location: 'https://portal.example/' } };
  const { fetch, requests } = service(new Response('Found', away));
  await assert.rejects(client(fetch).mint(), isError('invalid_answer', 302));
  assert.deepEqual(requests.map(({ redirect }) => redirect), ['manual']);
  // React Native goes there all the same.
  const at = (url, answer) => async () => Object.defineProperty(answer.clone(), 'url', { value: url });
  for (const url of ['https://portal.example/v1/locations', 'http://api.example.com/v1/locations', 'https://api.example.com.evil/']) {
    await assert.rejects(client(at(url, json({ data: [] }))).locations(), isError('invalid_answer', 0), url);
  }
  for (const base of ['https://API.example.com:443', 'https://api.example.com/tariffs', '']) {
    const same = at('https://api.example.com/v1/locations', json({ data: [] }));
    assert.deepEqual(await client(same, { baseURL: base }).locations(), { data: [] });
  }
});

test('a bearer that no header takes is not sent, and no error has it', async () => {
  const { fetch, requests } = service(json(minted, 201));
  for (const token of ['SECRET\ntoken', 'SECRET token', 'SECRET\n', 'SECRET€', 'SECRET\x7f']) {
    const app = client(fetch, { getToken: () => token });
    for (const call of [app.mint(), app.followSession('cs_1').next()]) {
      await assert.rejects(call, (error) =>
        isError('unauthenticated', 0)(error) && error.cause === undefined && !/SECRET/.test(error.stack));
    }
  }
  assert.equal(requests.length, 0);
});

test('getToken learns which bearer was refused', async () => {
  const asked = [];
  const getToken = (...refused) => asked.push(refused) && `token-${asked.length}`;
  const { fetch } = service(problem(401, 'unauthenticated'), json({ data: [] }));
  const app = client(fetch, { getToken });
  await app.locations();
  await app.locations();
  assert.deepEqual(asked.flat(), [undefined, 'token-1', undefined]);
});

test('a request that cannot be written is the app’s own error, and nothing is sent', async () => {
  const { fetch, requests } = service(json({}));
  await assert.rejects(client(fetch).putMeterIntervals('loc_1', [{ value: 1n }]), TypeError);
  await assert.rejects(client(fetch).mint({}, { idempotencyKey: 'a\nb' }), TypeError);
  assert.equal(requests.length, 0);
});

test('an answer on a slow line has its time for each piece, and has an end', async () => {
  const clock = startClock();
  try {
    const slow = (pieces) => async (_, { signal }) => new Response(new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => { setImmediate(resolve); });
        if (signal.aborted) return controller.error(signal.reason);
        return pieces.length ? controller.enqueue(pieces.shift()) : controller.close();
      },
    }, { highWaterMark: 0 }));
    const letters = [...'{"data":[]}'].map((each) => new TextEncoder().encode(each));
    assert.deepEqual(await client(slow(letters)).locations(), { data: [] });
    assert.ok(clock.timeouts.length > 11, 'one time for all');
    const large = Array.from({ length: 20 }, () => new Uint8Array(2 ** 20).fill(0x20));
    await assert.rejects(client(slow(large)).locations(), isError('invalid_answer', 200));
    assert.ok(large.length >= 2, 'it was read to its end');
    assert.equal(clock.deadlines.size, 0);
  } finally {
    clock.stop();
  }
});

// Streams.

const streamed = (text, size = 1) => new Response(new ReadableStream({
  start(controller) {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
    controller.close();
  },
}), { headers: { 'Content-Type': 'text/event-stream' } });
const eventOf = (value, id = '1', end = '\n') =>
  [`id: ${id}`, 'event: session', `data: ${JSON.stringify(value)}`, '', ''].join(end);

async function collected(events) {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
}

test('reads events however they are cut, and goes on after what it saw', async () => {
  const clock = startClock();
  try {
    const active = { ...session, state: 'active', ended_at: undefined, added: 'Straße' };
    for (const [end, size] of [['\n', 1], ['\r\n', 1], ['\n', 1000]]) {
      const { fetch, requests } = service(
        streamed(`retry: 2000${end}${end}:${end}${end}${eventOf(active, 'a', end)}event: later${end}data: {}${end}${end}id: b${end}${end}:${end}${end}${eventOf(active, 'c').slice(0, 60)}`, size),
        new TypeError('terminated'), problem(503, 'overloaded', { 'Retry-After': '40' }), streamed(eventOf(session, 'd', end), size));
      clock.pauses.length = 0;
      assert.deepEqual((await collected(client(fetch).followSession('cs_1'))).map(({ state, added }) => [state, added]), [
        ['active', 'Straße'], ['connected', undefined]]);
      assert.deepEqual(requests.map(({ headers }) => headers['Last-Event-ID']), [undefined, 'b', 'b', 'b']);
      const [first, second, third] = clock.pauses;
      assert.ok(first <= 500 && second <= 1000 && second > first && third === 40_000, clock.pauses);
    }
  } finally {
    clock.stop();
  }
});

test('reads each form of a stream of events', async () => {
  const clock = startClock();
  try {
    const [head, tail] = JSON.stringify({ ...session, state: 'active' }).split(/(?<=,)(?="confirmed)/);
    for (const end of ['\n', '\r', '\r\n']) {
      const lines = [
        '\ufeff: comment', 'id:7', '', 'event', 'data: {"no": "name"}', '', 'data: {"default": "message"}', '', 'event:session',
        `data:${head}`, `data: ${tail}`, 'ignored: x', '', 'id', 'event: session', 'event: session', `data: ${head}${tail}`, '', ''];
      for (const size of [1, 2, 3, 7, 10_000]) {
        const { fetch, requests } = service(streamed(lines.join(end), size), streamed(eventOf(session)));
        const states = (await collected(client(fetch).followSession('cs_1'))).map(({ state }) => state);
        assert.deepEqual(states, ['active', 'active', 'connected'], JSON.stringify([end, size]));
        assert.deepEqual(requests.map(({ headers }) => headers['Last-Event-ID']), [undefined, undefined]);
      }
    }
  } finally {
    clock.stop();
  }
});

test('events are chosen by their name, whatever others hold', async () => {
  const clock = startClock();
  try {
    const other = 'event: later\ndata: no JSON\n\ndata: [\n\n';
    const { fetch, requests } = service(streamed(other + eventOf(session)));
    assert.equal((await collected(client(fetch).followSession('cs_1'))).length, 1);
    assert.equal(requests.length, 1);
    const updated = 'event: location.updated\ndata: {"location_id":"loc_1"}\n\n';
    const events = client(service(streamed(`event: later\ndata: {}\n\n${other}${updated}`)).fetch).followLocation('loc_1');
    assert.deepEqual((await events.next()).value, { location_id: 'loc_1', event: 'location.updated' });
    await events.return();
    await assert.rejects(client(service(streamed('event: session\ndata: no JSON\n\n')).fetch).followSession('cs_1').next(),
      isError('invalid_answer', 200));
  } finally {
    clock.stop();
  }
});

test('a stream without an end to its event is left, and its pieces are looked at once', async () => {
  const piece = new Uint8Array(64).fill(0x61);
  let sent = 0;
  const endless = async () => new Response(new ReadableStream({
    pull(controller) {
      sent += piece.length;
      controller.enqueue(piece);
    },
  }), { headers: { 'Content-Type': 'text/event-stream' } });
  const began = performance.now();
  await assert.rejects(client(endless).followSession('cs_1').next(), isError('invalid_answer', 200));
  assert.ok(sent > 2 ** 20 && sent < 2 ** 20 + 4096, sent);
  // Looking at all of it for each piece takes minutes.
  assert.ok(performance.now() - began < 5000, 'quadratic');
  const lines = streamed('data: x\n'.repeat(2 ** 18), 65_536);
  await assert.rejects(client(service(lines).fetch).followSession('cs_1').next(), isError('invalid_answer', 200));
});

test('a captive portal is waited out, with pauses that grow', async () => {
  const clock = startClock();
  try {
    const page = new Response('<p>Welcome', { headers: { 'Content-Type': 'text/html' } });
    const opaque = Object.defineProperty(new Response(null), 'status', { value: 0 });
    const redirects = [new Response('', { status: 302 }), { clone: () => Object.defineProperty(opaque, 'ok', { value: false }) }];
    const { fetch, requests } = service(page, ...redirects, page, streamed(eventOf(session)));
    assert.equal((await collected(client(fetch).followSession('cs_1'))).length, 1);
    assert.equal(requests.length, 5);
    assert.ok(clock.pauses.length === 4 && clock.pauses[3] >= 3000, clock.pauses);
  } finally {
    clock.stop();
  }
});

test('a Retry-After of a month is no reason to ask at once', async () => {
  const clock = startClock();
  try {
    const { fetch } = service(problem(503, 'overloaded', { 'Retry-After': '2592000' }), streamed(eventOf(session)));
    await collected(client(fetch).followSession('cs_1'));
    assert.deepEqual(clock.pauses, [2 ** 31 - 1]);
  } finally {
    clock.stop();
  }
});

test('the pauses between attempts are bounded', async () => {
  const clock = startClock();
  try {
    const failures = Array.from({ length: 12 }, () => new TypeError('fetch failed'));
    const { fetch } = service(...failures, streamed(eventOf(session)));
    await collected(client(fetch).followSession('cs_1'));
    assert.equal(clock.pauses.length, 12);
    assert.ok(clock.pauses.every((pause) => pause <= 30_000) && clock.pauses.at(-1) >= 22_000, clock.pauses);
    // From the beginning after each event.
    clock.pauses.length = 0;
    const event = () => streamed(eventOf({ ...session, state: 'pending' }));
    await collected(client(service(event(), event(), event(), streamed(eventOf(session))).fetch).followSession('cs_1'));
    assert.ok(clock.pauses.length === 3 && clock.pauses.every((pause) => pause <= 500), clock.pauses);
  } finally {
    clock.stop();
  }
});

test('a stream that falls silent is opened again, and one that is left is closed', async () => {
  const clock = startClock();
  try {
    let isCancelled = false;
    const silent = (_, { signal }) => new Response(new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(eventOf({ ...session, state: 'pending' })));
        signal.addEventListener('abort', () => { isCancelled = true; controller.error(signal.reason); });
      },
    }), { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
    const unclonable = (open) => Object.assign(open, {});
    const answers = [silent, () => streamed(eventOf(session))].map(unclonable);
    const fetch = async (url, init) => answers.shift()(url, init);
    const events = client(fetch).followSession('cs_1');
    assert.equal((await events.next()).value.state, 'pending');
    setImmediate(clock.expire);
    assert.equal((await events.next()).value.state, 'connected');
    assert.ok((await events.next()).done && isCancelled);
    assert.ok(clock.timeouts.includes(45_000), 'a stream may be silent for longer than an answer');
    isCancelled = false;
    answers.push(silent);
    for await (const event of client(fetch).followSession('cs_1')) {
      assert.equal(event.state, 'pending');
      break;
    }
    assert.ok(isCancelled, 'the connection is still open');
    assert.equal(clock.deadlines.size, 0);
  } finally {
    clock.stop();
  }
});

test('a session that is not the user’s any more is not followed', async () => {
  const { fetch, requests } = service(problem(404, 'not_found'));
  await assert.rejects(client(fetch).followSession('cs_1').next(), isError('not_found', 404));
  assert.equal(requests.length, 1);
});

test('a session is followed until nothing can change', async () => {
  const clock = startClock();
  try {
    const open = [
      { state: 'active' }, { state: 'abandoned' }, { state: 'pending' }, { state: 'hibernating' },
      { state: 'connected', ended_at: undefined }, { state: 'connected', confirmed: false },
      { state: 'failed', confirmed: false }, { state: 'failed', confirmed: false, reason: null },
      { state: 'connected', ended_at: null },
    ];
    const over = [
      { state: 'connected' }, { state: 'failed' }, { state: 'disconnected' }, { state: 'expired', confirmed: false },
      { state: 'failed', confirmed: false, reason: 'foreign_tab' }, { state: 'connected', confirmed: undefined },
    ];
    for (const last of over) {
      const all = [...open, last].map((each, number) => eventOf({ ...session, ...each }, String(number)));
      const { fetch, requests } = service(streamed(all.join(''), 1000));
      assert.equal((await collected(client(fetch).followSession('cs_1'))).length, all.length, JSON.stringify(last));
      assert.equal(requests.length, 1);
    }
  } finally {
    clock.stop();
  }
});

test('where answers are no streams, a session is read over and over', async () => {
  const clock = startClock();
  const body = Object.getOwnPropertyDescriptor(Response.prototype, 'body');
  try {
    // As the Response of React Native.
    const pending = json({ ...session, state: 'pending' });
    const { fetch, requests } = service(pending, pending, new TypeError('x'), new TypeError('x'), new TypeError('x'),
      problem(429, 'rate_limited', { 'Retry-After': '60' }), new Response('<p>Welcome'), json(session));
    delete Response.prototype.body;
    const sessions = await collected(client(fetch, {
      fetch: async (url, init) => {
        Object.defineProperty(Response.prototype, 'body', body);
        try {
          return await fetch(url, init);
        } finally {
          delete Response.prototype.body;
        }
      },
    }).followSession('cs_1'));
    assert.deepEqual(sessions.map(({ state }) => state), ['pending', 'connected']);
    assert.ok(requests.every(({ url }) => url === 'https://api.example.com/v1/connect/sessions/cs_1'));
    assert.ok(clock.pauses.includes(3000) && clock.pauses.includes(60_000), clock.pauses);
    await assert.rejects(client(fetch).followLocation('loc_1').next(), TypeError);
  } finally {
    Object.defineProperty(Response.prototype, 'body', body);
    clock.stop();
  }
});

// The page.

/** A browser's, as far as the library looks at it. */
globalThis.document = {};

const host = hostOf(`
  export const open = async (options) => {
    globalThis.opened = options;
    const launchUrl = await options.launchUrl;
    return globalThis.ending(launchUrl);
  };
  export const resume = () => globalThis.ending();
`);

test('opens with the service’s own script, and confirms what it minted', async () => {
  const code = 'A'.repeat(22);
  for (const [ending, path] of [
    [{ session: 'cs_1', status: 'connected', code }, '/confirm'], [{ session: 'cs_1', status: 'connected' }, ''],
    [{ session: 'cs_2', status: 'connected', code }, ''], [{ session: null, status: null }, '']]) {
    const { fetch, requests } = service(json(minted, 201), json(session));
    globalThis.ending = (launchUrl) => {
      assert.equal(launchUrl, minted.launch_url);
      return ending;
    };
    const events = [];
    const look = { mode: 'popup', title: 'Connect', closeLabel: 'Close' };
    const options = { ...look, onEvent: (event) => events.push(event) };
    assert.deepEqual(await client(fetch, { baseURL: host }).connect({ language: 'de', app: 'web' }, options), session);
    const { launchUrl, onEvent, signal, ...passed } = globalThis.opened;
    assert.deepEqual([passed, signal.aborted], [look, false]);
    onEvent({ type: 'open' });
    assert.deepEqual(events, [{ type: 'open' }]);
    assert.ok(launchUrl instanceof Promise, 'the dialog has to appear at the click');
    assert.deepEqual(JSON.parse(requests[0].body), { language: 'de', app: 'page' });
    assert.equal(requests[1].url, `${host}/v1/connect/sessions/cs_1${path}`);
    assert.equal(requests[1].body, path ? JSON.stringify({ code }) : undefined);
  }
});

test('a mint that fails, a script that does not come: the error, once, and nothing that nobody handles', async () => {
  const refused = service(problem(422, 'field_invalid'));
  globalThis.ending = assert.fail;
  const failing = client(refused.fetch, { baseURL: host });
  await assert.rejects(failing.connect(), isError('field_invalid', 422));
  // The next tap is another attempt.
  await assert.rejects(failing.connect(), isError('field_invalid', 422));
  assert.equal(refused.requests.length, 2);
  await assert.rejects(client(service(json(minted, 201)).fetch, { baseURL: 'file:///nowhere' }).connect());
  await assert.rejects(client(refused.fetch, { baseURL: 'file:///nowhere' }).connect());
  await new Promise((resolve) => { setImmediate(resolve); });
});

test('without a document, connect asks for `present` before it mints', async () => {
  const { fetch, requests } = service(json(minted, 201), json(session));
  const { document } = globalThis;
  delete globalThis.document;
  try {
    const needed = (error) => error instanceof TypeError && error.message.includes('`present`');
    for (const app of [client(fetch), new Client({ baseURL, fetch })]) await assert.rejects(app.connect(), needed);
    assert.equal(requests.length, 0);
    assert.deepEqual(await client(fetch).connect({}, { present: async () => null }), session);
  } finally {
    globalThis.document = document;
  }
});

test('a second tap joins the first, and can leave it', async () => {
  const { fetch, requests } = service(json(minted, 201), json(session));
  let back;
  const present = () => new Promise((resolve) => { back = resolve; });
  const one = client(fetch, { present });
  const controller = new AbortController();
  const first = one.connect();
  const second = one.connect({}, { signal: controller.signal });
  const third = one.connect();
  controller.abort();
  await assert.rejects(second, { name: 'AbortError' });
  while (!back) await new Promise((resolve) => { setImmediate(resolve); });
  back(null);
  assert.deepEqual([await first, await third], [session, session]);
  assert.equal(requests.length, 2);
});

test('an attempt belongs to all who wait for it, and an aborted one to nobody', async () => {
  const { fetch, requests } = service((url) => json(url.endsWith('/sessions') ? minted : session));
  const pages = [];
  const present = (_, { signal }) => new Promise((resolve) => { pages.push({ resolve, signal }); });
  const app = client(fetch, { present });
  const opened = async (count) => {
    while (pages.length < count) await new Promise((resolve) => { setImmediate(resolve); });
  };
  const isGone = (call) => assert.rejects(call, { name: 'AbortError' });
  const [one, two, three] = Array.from({ length: 3 }, () => new AbortController());
  const first = app.connect({}, one);
  await opened(1);
  one.abort();
  // At once.
  const second = app.connect({}, two);
  await isGone(first);
  await opened(2);
  assert.deepEqual(pages.map(({ signal }) => signal.aborted), [true, false]);
  const joined = app.connect();
  const leaving = app.connect({}, three);
  two.abort();
  three.abort();
  await Promise.all([isGone(second), isGone(leaving)]);
  assert.equal(pages[1].signal.aborted, false);
  pages[1].resolve(null);
  assert.deepEqual(await joined, session);
  assert.equal(requests.filter(({ method }) => method === 'POST').length, 2);
});

test('an equal request joins, another one is an attempt of its own', async () => {
  const { fetch, requests } = service((url) => json(url.endsWith('/sessions') ? minted : session));
  let back;
  const closed = new Promise((resolve) => { back = resolve; });
  const app = client(fetch, { present: () => closed });
  const address = { city: 'London', post_code: 'WC2N 5EH' };
  const all = [
    {}, { language: 'de', postal_address: address },
    { postal_address: { post_code: 'WC2N 5EH', city: 'London' }, language: 'de' }, { language: 'fr' },
    { location_id: 'loc_1', action: 'disconnect' },
  ].map((request) => app.connect(request));
  back(null);
  await Promise.all(all);
  assert.deepEqual(requests.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body).language), [
    undefined, 'de', 'fr', undefined]);
});

test('a redirect that does not happen keeps nobody from another try', async () => {
  const { fetch, requests } = service(json(minted, 201));
  const opened = [];
  const script = { open: (options) => new Promise(() => { opened.push(options); }) };
  const app = new Client({ baseURL, fetch }, async () => script);
  const tapped = async () => {
    const count = opened.length;
    app.connect({}, { mode: 'redirect' });
    for (let turn = 0; turn < 20 && opened.length === count; turn += 1) await new Promise((resolve) => { setImmediate(resolve); });
  };
  await tapped();
  await tapped();
  assert.equal(opened.length, 1);
  opened[0].onEvent({ type: 'redirect' });
  await tapped();
  assert.deepEqual([opened.length, requests.length], [2, 2]);
});

test('a script that does not load is a failed connection, and is asked for at another address then', async () => {
  const clock = startClock();
  try {
    const addresses = [];
    const answers = [Promise.reject(new TypeError('not found')), new Promise(() => {}), new Promise(() => {}), { open: () => ({}) }];
    const { fetch } = service((url) => json(url.endsWith('/sessions') ? minted : session));
    const app = new Client({ baseURL, fetch }, (address) => addresses.push(address) && answers.shift());
    await assert.rejects(app.preload(), isError('network_error', 0));
    setImmediate(clock.expire);
    await assert.rejects(app.connect(), isError('network_error', 0));
    const controller = new AbortController();
    const aborted = app.connect({}, controller);
    controller.abort();
    await assert.rejects(aborted, { name: 'AbortError' });
    assert.deepEqual(await app.connect(), session);
    assert.deepEqual(addresses.map((each) => each.slice(baseURL.length)), [
      'connect.js', 'connect.js?n=1', 'connect.js?n=2', 'connect.js?n=2']);
    assert.equal(clock.deadlines.size, 0);
  } finally {
    clock.stop();
  }
});

test('a session that another code has confirmed is read', async () => {
  const link = `myapp://done?session=cs_1&status=connected&code=${'C'.repeat(22)}`;
  const used = () => service(json(minted, 201), problem(409, 'confirmation_code_used'), json(session));
  const { fetch, requests } = used();
  assert.deepEqual(await client(fetch, { present: async () => link }).connect(), session);
  assert.deepEqual(requests.map(({ method }) => method), ['POST', 'POST', 'GET']);
  const later = used();
  await client(later.fetch).mint();
  assert.deepEqual(await client(later.fetch).resume({ url: link }), session);
});

test('a code that came back is sent, though the app has left meanwhile', async () => {
  const { fetch, requests } = service(json(minted, 201), () => {
    controller.abort();
    return json(session);
  });
  const controller = new AbortController();
  const present = async () => `myapp://done?session=cs_1&status=connected&code=${'E'.repeat(22)}`;
  const { signal } = controller;
  const sent = new Promise((resolve) => {
    const app = client(async (url, init) => {
      const answer = await fetch(url, init);
      if (url.endsWith('/confirm')) resolve(init.signal.aborted);
      return answer;
    }, { present });
    assert.rejects(app.connect({}, { signal }), { name: 'AbortError' });
  });
  assert.equal(await sent, false);
  assert.equal(requests.length, 2);
});

test('a deep link that starts the app has the session in it', async () => {
  const code = 'B'.repeat(22);
  const { fetch, requests } = service(json(session));
  const app = client(fetch);
  assert.equal(await app.resume(), null);
  for (const url of ['myapp://tariff/done', 'myapp://tariff/done?session=<b>&status=connected', 'myapp://x?session=cs_1']) {
    assert.equal(await app.resume({ url }), null, url);
  }
  assert.equal(requests.length, 0);
  await app.resume({ url: `myapp://tariff/done?x=1&session=cs_1&status=connected&code=${code}` });
  await app.resume({ url: 'myapp://tariff/done?session=cs_1&status=abandoned#x' });
  assert.deepEqual(requests.map(({ method, url }) => [method, new URL(url).pathname]), [
    ['POST', '/v1/connect/sessions/cs_1/confirm'], ['GET', '/v1/connect/sessions/cs_1']]);
  // The app's own names come first.
  const own = 'myapp://done?session=mine&status=new&code=' + 'M'.repeat(22);
  await app.resume({ url: `${own}&session=cs_1&status=connected#?session=cs_9&status=x` });
  assert.deepEqual([requests.at(-1).method, new URL(requests.at(-1).url).pathname], ['GET', '/v1/connect/sessions/cs_1']);
  // Any page can link to the app.
  const url = 'https://app.example.com/?session=cs_2&status=connected';
  assert.equal(await client(service(problem(404, 'not_found')).fetch).resume({ url }), null);
  await assert.rejects(client(service(problem(500, 'internal_error')).fetch).resume({ url }), isError('internal_error', 500));
});

test('a document that a return URL has loaded is read by the service’s script, and only then', async () => {
  const { fetch, requests } = service(json(session));
  try {
    globalThis.location = { href: 'https://app.example.com/' };
    globalThis.ending = assert.fail;
    assert.equal(await client(fetch, { baseURL: host }).resume(), null);
    globalThis.location.href = 'https://app.example.com/?session=cs_1&status=connected';
    globalThis.ending = () => ({ session: 'cs_1', status: 'connected' });
    assert.deepEqual(await client(fetch, { baseURL: host }).resume(), session);
    assert.equal(requests.length, 1);
    // A component that was mounted twice, as in React's strict mode: the first one leaves the address to the second.
    const controller = new AbortController();
    globalThis.ending = () => ({ session: 'cs_1', status: globalThis.location.href = 'read' });
    const first = client(fetch, { baseURL: host }).resume({ signal: controller.signal });
    controller.abort();
    await assert.rejects(first, { name: 'AbortError' });
    assert.notEqual(globalThis.location.href, 'read');
    // Left once the address is clean: the code is on its way all the same.
    const leaving = new AbortController();
    const confirmed = service(json(session));
    globalThis.location.href = 'https://app.example.com/?session=cs_1&status=connected';
    globalThis.ending = () => {
      leaving.abort();
      return { session: 'cs_1', status: 'connected', code: 'D'.repeat(22) };
    };
    await assert.rejects(client(confirmed.fetch, { baseURL: host }).resume(leaving), { name: 'AbortError' });
    assert.ok(confirmed.requests[0]?.url.endsWith('/cs_1/confirm'), 'the code is lost');
  } finally {
    delete globalThis.location;
  }
});
