// A client of connect-bff for apps. README.md is its manual, index.d.ts its reference.

/** How often a request is sent at most that may be sent again. */
const attempts = 3;
/** How long an answer may take, and a stream be silent, which beats every 15 seconds; in milliseconds, as all times. */
const answerTimeout = 30_000;
const streamTimeout = 45_000;
/** The longest `Retry-After` that is waited for. */
const longestPause = 20_000;
const firstPause = 500;
const longestBackoff = 30_000;
/** How often a session is read where answers cannot be streamed. */
const pollInterval = 3000;

export class ConnectError extends Error {
  constructor(code, { status = 0, requestId = null, retryAfter = null, detail, cause } = {}) {
    super(detail ?? code, { cause });
    this.name = 'ConnectError';
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

export class ConnectClient {
  #base;
  #getToken;
  #fetch;
  #present;
  #running;

  constructor({ baseURL, getToken, present, fetch: given }) {
    this.#base = String(baseURL).replace(/\/+$/, '');
    this.#getToken = getToken;
    this.#present = present;
    this.#fetch = given ?? ((url, init) => fetch(url, init));
  }

  // Sessions.

  connect(request = {}, options = {}) {
    // A double tap is one attempt.
    this.#running ??= this.#connect(request, options).finally(() => { this.#running = undefined; });
    return orAborted(this.#running, options.signal);
  }

  async #connect(request, { signal, idempotencyKey, present = this.#present, ...look }) {
    const minting = this.mint({ app: 'page', ...request }, { signal, idempotencyKey });
    let back;
    if (present) {
      back = endOf(await orAborted(present((await minting).launch_url, { signal }), signal));
    } else {
      const launchUrl = minting.then((minted) => minted.launch_url);
      // Handled also where the script does not load.
      launchUrl.catch(() => {});
      back = await (await this.#script()).open({ ...look, launchUrl, signal });
    }
    const { id } = await minting;
    // Any app can open a deep link: a code counts for the session that was minted here.
    return this.#end(id, back?.session === id ? back.code : undefined, signal);
  }

  async resume({ url, signal } = {}) {
    const at = url ?? globalThis.location?.href;
    if (!endOf(at)) return null;
    const script = url ? undefined : await this.#script();
    // Before the address is cleaned, as the next one to ask would find nothing there.
    throwIfAborted(signal);
    const back = script ? script.resume() : endOf(at);
    try {
      return back && await this.#end(back.session, back.code, signal);
    } catch (error) {
      // Any page can link to the app like that: this session is not the user's.
      if (error.code === 'not_found') return null;
      throw error;
    }
  }

  async preload() {
    await this.#script();
  }

  /** The code that the service has for its page, and no copy of it. */
  #script() {
    return import(/* @vite-ignore */ /* webpackIgnore: true */ `${this.#base}/connect.js`);
  }

  #end(id, code, signal) {
    return code ? this.confirm(id, code, { signal }) : this.session(id, { signal });
  }

  mint(request = {}, options) {
    return this.#write('POST', '/v1/connect/sessions', request, options, ['id', 'launch_url']);
  }

  session(id, options) {
    return this.#read(path`/v1/connect/sessions/${id}`, undefined, options);
  }

  confirm(id, code, options) {
    // The same code again gets the same answer.
    return this.#send('POST', path`/v1/connect/sessions/${id}/confirm`, { body: { code }, isSafe: true }, options);
  }

  async* followSession(id, options) {
    const sessions = canStream() ? this.#events(path`/v1/connect/sessions/${id}/events`, options) : this.#poll(id, options);
    for await (const { event, data } of sessions) {
      // A later release may have others.
      if (event !== 'session') continue;
      yield data;
      if (isOver(data)) return;
    }
  }

  // Locations.

  locations(options) {
    return this.#read('/v1/locations', undefined, options);
  }

  location(id, options) {
    return this.#read(path`/v1/locations/${id}`, undefined, options);
  }

  forgetLocation(id, options) {
    return this.#send('DELETE', path`/v1/locations/${id}`, {}, options);
  }

  async* followLocation(id, options) {
    if (!canStream()) throw new TypeError('followLocation needs a fetch whose answers have a body to stream.');
    for await (const { event, data } of this.#events(path`/v1/locations/${id}/events`, options)) yield { ...data, event };
  }

  locationStatus(id, options) {
    return this.#read(path`/v1/locations/${id}/status`, undefined, options);
  }

  tariffs(location, query, options) {
    return this.#read('/v1/tariffs/elements', { location_id: location, ...query }, options);
  }

  prices(location, query, options) {
    return this.#read(path`/v1/locations/${location}/prices`, query, options);
  }

  // Energy.

  scheduleByDuration(location, query, options) {
    return this.#read(path`/v1/locations/${location}/schedules/duration`, query, options);
  }

  scheduleByLimit(location, query, options) {
    return this.#read(path`/v1/locations/${location}/schedules/limit`, query, options);
  }

  scheduleByAmount(location, request, options) {
    return this.#send('POST', path`/v1/locations/${location}/schedules/amount`, { body: request }, options);
  }

  costs(location, query, options) {
    return this.#read(path`/v1/locations/${location}/costs`, query, options);
  }

  sessionCosts(location, ref, query, options) {
    return this.#read(path`/v1/locations/${location}/costs/sessions/${ref}`, query, options);
  }

  simulateCost(location, record, options) {
    return this.#send('POST', path`/v1/locations/${location}/costs/simulate`, { body: record }, options);
  }

  putMeterIntervals(location, records, options) {
    return this.#write('PUT', path`/v1/locations/${location}/meters/interval`, records, options);
  }

  putMeterReadings(location, readings, options) {
    return this.#write('PUT', path`/v1/locations/${location}/meters/cumulative`, readings, options);
  }

  meterBatch(location, batch, options) {
    return this.#read(path`/v1/locations/${location}/meters/batches/${batch}`, undefined, options);
  }

  devices(location, options) {
    return this.#read(path`/v1/locations/${location}/devices`, undefined, options);
  }

  createDevice(location, request = {}, options) {
    return this.#write('POST', path`/v1/locations/${location}/devices`, request, options);
  }

  deleteDevice(location, device, options) {
    return this.#send('DELETE', path`/v1/locations/${location}/devices/${device}`, {}, options);
  }

  // Requests.

  #read(path, query, options) {
    return this.#send('GET', path, { query, isSafe: true }, options);
  }

  #write(method, path, body, { idempotencyKey, ...options } = {}, texts) {
    return this.#send(method, path, { body, key: idempotencyKey ?? newKey(), isSafe: true, texts }, options);
  }

  /** Sends a request, and again where that is safe and can help. */
  async #send(method, path, content, { signal } = {}) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const exchange = await this.#open(method, path, content, signal);
        try {
          if (exchange.response.status === 204) return undefined;
          return parsed(await exchange.response.text(), exchange.response, content.texts);
        } catch (error) {
          throw exchange.failure(error);
        } finally {
          exchange.close();
        }
      } catch (error) {
        const pause = content.isSafe && attempt < attempts ? pauseAfter(error, attempt) : undefined;
        if (pause === undefined) throw error;
        await sleep(pause, signal);
      }
    }
  }

  /** Sends a request, once more with a fresh token after a 401. Resolves with a response whose status is good; `close` it. */
  async #open(method, path, content, signal) {
    for (let isRepeated = false; ; isRepeated = true) {
      throwIfAborted(signal);
      const token = await orAborted(this.#getToken?.(), signal);
      const exchange = new Exchange(signal);
      try {
        const response = await this.#fetch(this.#base + path + queryOf(content.query), {
          method,
          headers: {
            Accept: 'application/json',
            ...content.headers,
            ...token && { Authorization: `Bearer ${token}` },
            ...content.key && { 'Idempotency-Key': content.key },
            ...content.body !== undefined && { 'Content-Type': 'application/json' },
          },
          ...content.body !== undefined && { body: JSON.stringify(content.body) },
          // A sign-in by cookie is of this origin. With a token, no cookie has a say.
          credentials: this.#getToken ? 'omit' : 'same-origin',
          signal: exchange.signal,
        });
        exchange.response = response;
        if (response.ok) return exchange;
        const error = await errorOf(response);
        if (response.status !== 401 || isRepeated || !this.#getToken) throw error;
        exchange.close();
      } catch (error) {
        exchange.close();
        throw exchange.failure(error);
      }
    }
  }

  /** Server-sent events with JSON, over as many streams as it takes. */
  async* #events(path, { signal } = {}) {
    let last = '';
    for (let failures = 0; ; failures += 1) {
      let pause = 0;
      let exchange;
      try {
        const headers = { Accept: 'text/event-stream', ...last && { 'Last-Event-ID': last } };
        exchange = await this.#open('GET', path, { headers }, signal);
        for await (const { id, event, data } of eventsOf(exchange)) {
          last = id ?? last;
          if (!data) continue;
          failures = 0;
          yield { event, data: parsed(data, exchange.response) };
        }
      } catch (error) {
        const failure = exchange ? exchange.failure(error) : error;
        if (!isPassing(failure)) throw failure;
        pause = (failure.retryAfter ?? 0) * 1000;
      } finally {
        exchange?.close();
      }
      await sleep(Math.max(pause, backoff(failures)), signal);
    }
  }

  /** A session by reading it over and over: in React Native, `fetch` gives no streams. */
  async* #poll(id, options) {
    let last = '';
    for (let failures = 0; ;) {
      try {
        const data = await this.session(id, options);
        const text = JSON.stringify(data);
        failures = 0;
        if (text !== last) yield { event: 'session', data };
        last = text;
      } catch (error) {
        if (!isPassing(error)) throw error;
        failures += 1;
      }
      await sleep(Math.max(pollInterval, backoff(failures)), options?.signal);
    }
  }
}

/** One request and its answer, which end when the app aborts or nothing comes for too long. */
class Exchange {
  #controller = new AbortController();
  #appSignal;
  #stop = () => this.#controller.abort();
  #timer;
  response;

  constructor(signal) {
    this.#appSignal = signal;
    signal?.addEventListener('abort', this.#stop);
    this.expect(answerTimeout);
  }

  get signal() {
    return this.#controller.signal;
  }

  expect(timeout) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#stop, timeout);
  }

  failure(error) {
    if (this.#appSignal?.aborted) return reasonOf(this.#appSignal);
    return error instanceof ConnectError ? error : new ConnectError('network_error', { cause: error });
  }

  close() {
    clearTimeout(this.#timer);
    this.#appSignal?.removeEventListener('abort', this.#stop);
    // Ends a stream; an answer that was read is over.
    this.#stop();
  }
}

/** The blocks of a stream of events; what is not whole at its end is none. */
async function* eventsOf(exchange) {
  const reader = exchange.response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    exchange.expect(streamTimeout);
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      yield Object.fromEntries(block.split(/\r?\n/).map((line) => line.split(/: ?(.*)/s, 2)));
    }
  }
}

/** An answer, which has these texts; an error quotes nothing of it. */
function parsed(text, response, texts = []) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (typeof value === 'object' && value && texts.every((name) => typeof value[name] === 'string')) return value;
  throw new ConnectError('invalid_answer', factsOf(response));
}

function factsOf({ status, headers }) {
  const seconds = Number.parseInt(headers.get('retry-after'), 10);
  return { status, retryAfter: Number.isNaN(seconds) ? null : seconds, requestId: headers.get('x-request-id') };
}

async function errorOf(response) {
  const facts = factsOf(response);
  const text = await response.text();
  try {
    const { code, detail, request_id: requestId = facts.requestId } = JSON.parse(text);
    if (typeof code === 'string') return new ConnectError(code, { ...facts, detail, requestId });
  } catch {
    // The page of a proxy.
  }
  return new ConnectError('invalid_answer', facts);
}

/** After how many milliseconds a request that may be sent again is sent again; never, where there is no number. */
function pauseAfter(error, attempt) {
  if (!(error instanceof ConnectError)) return undefined;
  if (error.code === 'network_error') return firstPause * attempt;
  const pause = (error.retryAfter ?? Infinity) * 1000;
  return [409, 422, 429, 503].includes(error.status) && pause <= longestPause ? pause : undefined;
}

/** Whether following goes on after it. */
const isPassing = (error) => error instanceof ConnectError
  && (error.code === 'network_error' || error.status >= 500 || error.status === 408 || error.status === 429);

const backoff = (failures) => Math.min(longestBackoff, firstPause * 2 ** failures) * (0.75 + Math.random() / 4);

/** Whether a session can change no more. */
const isOver = ({ state, ended_at: endedAt, confirmed, reason }) => endedAt !== undefined
  && ['connected', 'failed', 'disconnected', 'expired'].includes(state)
  && (confirmed !== false || state === 'expired' || reason !== undefined);

/** How a session ended, by the return URL. */
function endOf(url) {
  const found = /[?&]session=([\w-]+)&status=[a-z_]+(?:&code=([\w-]{22}))?(?:[&#]|$)/.exec(url ?? '');
  return found && { session: found[1], code: found[2] };
}

/** React Native's answers have none. */
const canStream = () => 'body' in (globalThis.Response?.prototype ?? {});

const path = (parts, ...values) => String.raw({ raw: parts }, ...values.map(encodeURIComponent));

function queryOf(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length ? `?${given.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}` : '';
}

// Not a secret, but the user's alone; `randomUUID` needs https, and React Native has none.
const newKey = () => globalThis.crypto?.randomUUID?.()
  ?? Array.from({ length: 4 }, () => Math.random().toString(36).slice(2, 10)).join('');

const reasonOf = (signal) => signal.reason ?? Object.assign(new Error('Aborted'), { name: 'AbortError' });

function throwIfAborted(signal) {
  if (signal?.aborted) throw reasonOf(signal);
}

/** A promise, unless the app aborts first. */
function orAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const ending = (settle) => (value) => {
      signal?.removeEventListener('abort', stop);
      settle(value);
    };
    const stop = () => ending(reject)(reasonOf(signal));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    Promise.resolve(promise).then(ending(resolve), ending(reject));
  });
}

async function sleep(milliseconds, signal) {
  let timer;
  try {
    await orAborted(new Promise((resolve) => { timer = setTimeout(resolve, milliseconds); }), signal);
  } finally {
    clearTimeout(timer);
  }
}
