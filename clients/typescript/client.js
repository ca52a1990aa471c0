// A client of connect-bff for apps. README.md is its manual, index.d.ts its reference.

/** How often a request is sent at most that may be sent again. */
const attempts = 3;
/**
 * How long the head of an answer may take and then each piece of it, and how long a stream may be silent, which beats
 * every 15 seconds; in milliseconds, as all times.
 */
const answerTimeout = 30_000;
const streamTimeout = 45_000;
/** The longest `Retry-After` that is waited for. */
const longestPause = 20_000;
const firstPause = 500;
const longestBackoff = 30_000;
/** How often a session is read where answers cannot be streamed. */
const pollInterval = 3000;
/** The longest time that `setTimeout` takes: after a longer one it is over at once. */
const longestSleep = 2 ** 31 - 1;
/** The largest answer, and event of a stream, in UTF-16 units: bytes, where the text is ASCII. */
const longestAnswer = 2 ** 24;
const longestEvent = 2 ** 20;
/** What a header takes as it is. */
const headerText = /^[\x21-\x7e]+$/;

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
  #load;
  #failedLoads = 0;
  /** Those that run, by their requests. */
  #attempts = new Map();

  constructor({ baseURL, getToken, present, fetch: given }, load) {
    this.#base = String(baseURL).replace(/\/+$/, '');
    this.#getToken = getToken;
    this.#present = present;
    this.#fetch = given ?? ((url, init) => fetch(url, init));
    this.#load = load;
  }

  // Sessions.

  async connect(request = {}, { signal, ...options } = {}) {
    throwIfAborted(signal);
    const key = JSON.stringify(request, sorted);
    const attempt = this.#attempts.get(key) ?? this.#begin(key, request, options);
    attempt.callers += 1;
    return orAborted(attempt.session, signal, () => {
      attempt.callers -= 1;
      if (!attempt.callers) attempt.abort(reasonOf(signal));
    });
  }

  /** An attempt that later calls can join, so that a double tap is one. It has a signal of its own. */
  #begin(key, request, options) {
    const controller = new AbortController();
    const leave = () => { if (this.#attempts.get(key) === attempt) this.#attempts.delete(key); };
    const attempt = {
      callers: 0,
      abort(reason) {
        // The next call starts another one, however long this one takes to end.
        leave();
        controller.abort(reason);
      },
    };
    this.#attempts.set(key, attempt);
    attempt.session = this.#connect(request, {
      ...options,
      signal: controller.signal,
      onEvent: (event) => {
        // Nothing says that the document stays, as when the customer stops the navigation.
        if (event.type === 'redirect') leave();
        options.onEvent?.(event);
      },
    }).finally(leave);
    return attempt;
  }

  async #connect(request, { signal, idempotencyKey, present = this.#present, ...look }) {
    // Before a session is made that nobody could see.
    if (!present) this.#needDocument();
    const minting = this.mint({ ...request, app: 'page' }, { signal, idempotencyKey });
    let back;
    if (present) {
      back = endOf(await orAborted(present((await minting).launch_url, { signal }), signal));
    } else {
      const launchUrl = minting.then((minted) => minted.launch_url);
      // Handled also where the script does not load.
      launchUrl.catch(() => {});
      back = await (await this.#script(signal)).open({ ...look, launchUrl, signal });
    }
    const { id } = await minting;
    // Any app can open a deep link: a code counts for the session that was minted here.
    return this.#end(id, back?.session === id ? back.code : undefined);
  }

  async resume({ url, signal } = {}) {
    const at = url ?? globalThis.location?.href;
    if (!endOf(at)) return null;
    const script = url ? undefined : await this.#script(signal);
    // Before the address is cleaned, as the next one to ask would find nothing there.
    throwIfAborted(signal);
    const back = script ? script.resume() : endOf(at);
    try {
      return back && await orAborted(this.#end(back.session, back.code), signal);
    } catch (error) {
      // Any page can link to the app like that: this session is not the user's.
      if (error?.code === 'not_found') return null;
      throw error;
    }
  }

  async preload() {
    await this.#script();
  }

  #needDocument() {
    if (!this.#load || !globalThis.document) {
      throw new TypeError('Without a document, connect needs `present`, and resume a `url`.');
    }
  }

  /** The code that the service has for its page, and no copy of it. */
  async #script(signal) {
    this.#needDocument();
    const exchange = new Exchange(signal);
    try {
      // Some browsers keep that an address has failed.
      const again = this.#failedLoads ? `?n=${this.#failedLoads}` : '';
      return await orAborted(this.#load(`${this.#base}/connect.js${again}`), exchange.signal);
    } catch (error) {
      if (!signal?.aborted) this.#failedLoads += 1;
      throw exchange.failure(error);
    } finally {
      exchange.close();
    }
  }

  /** Without a signal: the code is nowhere else now, and has to arrive even if the app has left. */
  async #end(id, code) {
    if (code) {
      try {
        return await this.confirm(id, code);
      } catch (error) {
        // Another code has confirmed it.
        if (error?.code !== 'confirmation_code_used') throw error;
      }
    }
    return this.session(id);
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
    const sessions = canStream()
      ? this.#events(path`/v1/connect/sessions/${id}/events`, ['session'], options)
      : this.#poll(id, options);
    for await (const { data } of sessions) {
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
    const names = ['location.updated', 'tariff.action_required'];
    const events = this.#events(path`/v1/locations/${id}/events`, names, options);
    for await (const { event, data } of events) yield { ...data, event };
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

  async #write(method, path, body, { idempotencyKey, ...options } = {}, texts) {
    const key = idempotencyKey ?? newKey();
    if (!headerText.test(key)) throw new TypeError('idempotencyKey has a character that no header takes.');
    return this.#send(method, path, { body, key, isSafe: true, texts }, options);
  }

  /** Sends a request, and again where that is safe and can help. */
  async #send(method, path, content, { signal } = {}) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const exchange = await this.#open(method, path, content, signal);
        try {
          if (exchange.response.status === 204) return undefined;
          return parsed(await textOf(exchange), exchange.response, content.texts);
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

  /** Sends a request, once more with a fresh token after a 401. Resolves with an answer that is good; `close` it. */
  async #open(method, path, content, signal) {
    const url = this.#base + path + queryOf(content.query);
    const body = content.body === undefined ? {} : { body: JSON.stringify(content.body) };
    let refused;
    for (let isRepeated = false; ; isRepeated = true) {
      throwIfAborted(signal);
      const token = await orAborted(this.#getToken?.(refused), signal);
      // Here, since the error of `fetch` would quote it.
      if (token && !headerText.test(token)) {
        throw new ConnectError('unauthenticated', { detail: 'getToken gave text that no header takes.' });
      }
      const exchange = new Exchange(signal);
      try {
        const response = await this.#fetch(url, {
          method,
          headers: {
            Accept: 'application/json',
            ...content.headers,
            ...token && { Authorization: `Bearer ${token}` },
            ...content.key && { 'Idempotency-Key': content.key },
            ...body.body && { 'Content-Type': 'application/json' },
          },
          ...body,
          // A sign-in by cookie is of this origin. With a token, no cookie has a say.
          credentials: this.#getToken ? 'omit' : 'same-origin',
          // Keys and bodies are for the service alone.
          redirect: 'manual',
          signal: exchange.signal,
        });
        exchange.response = response;
        // React Native follows redirects all the same.
        if (response.url && originOf(response.url) !== (originOf(url) ?? originOf(response.url))) {
          throw new ConnectError('invalid_answer', { detail: 'Another origin has answered.' });
        }
        if (response.ok) return exchange;
        const error = await errorOf(exchange);
        if (response.status !== 401 || isRepeated || !this.#getToken) throw error;
        refused = token;
        exchange.close();
      } catch (error) {
        exchange.close();
        throw exchange.failure(error);
      }
    }
  }

  /** Server-sent events of these names with JSON, over as many streams as it takes. */
  async* #events(path, names, { signal } = {}) {
    let last = '';
    for (let failures = 0; ; failures += 1) {
      let pause = 0;
      let exchange;
      try {
        const headers = { Accept: 'text/event-stream', ...last && { 'Last-Event-ID': last } };
        exchange = await this.#open('GET', path, { headers }, signal);
        for await (const { id, event, data } of eventsOf(exchange)) {
          last = id ?? last;
          if (data === undefined) continue;
          failures = 0;
          // A later release may have others.
          if (names.includes(event)) yield { event, data: parsed(data, exchange.response) };
        }
      } catch (error) {
        const failure = exchange ? exchange.failure(error) : error;
        if (!isPassing(failure)) throw failure;
        pause = pauseOf(failure);
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
      let pause = pollInterval;
      try {
        const data = await this.session(id, options);
        const text = JSON.stringify(data);
        failures = 0;
        if (text !== last) yield { data };
        last = text;
      } catch (error) {
        // With a good status: the page of a captive portal.
        if (!isPassing(error) && error?.status !== 200) throw error;
        failures += 1;
        pause = Math.max(pause, pauseOf(error));
      }
      await sleep(Math.max(pause, backoff(failures)), options?.signal);
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

/** The text of an answer as it comes. */
async function* piecesOf(exchange, timeout) {
  const reader = exchange.response.body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    exchange.expect(timeout);
    const { done, value } = await reader.read();
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}

async function textOf(exchange) {
  exchange.expect(answerTimeout);
  // None in React Native, and where there is no text.
  if (!exchange.response.body) return exchange.response.text();
  let text = '';
  for await (const piece of piecesOf(exchange, answerTimeout)) {
    text += piece;
    if (text.length > longestAnswer) throw new ConnectError('invalid_answer', factsOf(exchange.response));
  }
  return text;
}

/**
 * The events of a stream as HTML has them, with the last `id` so far; without `data`, where a block has none. What is
 * not whole at the end is none. A captive portal's page is a stream without any.
 */
async function* eventsOf(exchange) {
  const { response } = exchange;
  if (!/^text\/event-stream\b/i.test(response.headers.get('content-type'))) return;
  let line = '';
  let isAfterReturn = false;
  let block = { data: [], size: 0 };
  let id;
  for await (const piece of piecesOf(exchange, streamTimeout)) {
    if (!piece) continue;
    // A pair that was cut has ended its line already.
    const lines = (isAfterReturn ? piece.replace(/^\n/, '') : piece).split(/\r\n|\n|\r/);
    isAfterReturn = piece.endsWith('\r');
    lines[0] = line + lines[0];
    line = lines.pop();
    for (const each of lines) {
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(each);
      if (!each) {
        yield { id, event: block.event || 'message', data: block.size ? block.data.join('\n') : undefined };
        block = { data: [], size: 0 };
      } else if (name === 'data') {
        block.data.push(value);
        block.size += each.length;
      } else if (name === 'event') {
        block.event = value;
      } else if (name === 'id' && (!value || headerText.test(value))) {
        id = value;
      }
    }
    if (block.size + line.length > longestEvent) throw new ConnectError('invalid_answer', factsOf(response));
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

async function errorOf(exchange) {
  const facts = factsOf(exchange.response);
  const text = await textOf(exchange);
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
  if (error.retryAfter === null || ![409, 422, 429, 503].includes(error.status)) return undefined;
  return pauseOf(error) <= longestPause ? pauseOf(error) : undefined;
}

const pauseOf = (error) => (error.retryAfter ?? 0) * 1000;

/** Whether following goes on after it: no answer, a redirect, which a browser gives no status, or a failing service. */
const isPassing = (error) => error instanceof ConnectError && error.code !== 'unauthenticated'
  && (![2, 4].includes(Math.trunc(error.status / 100)) || error.status === 408 || error.status === 429);

const backoff = (failures) => Math.min(longestBackoff, firstPause * 2 ** failures) * (0.75 + Math.random() / 4);

/** Whether a session can change no more. */
const isOver = ({ state, ended_at: endedAt, confirmed, reason }) => endedAt != null
  && ['connected', 'failed', 'disconnected', 'expired'].includes(state)
  && (confirmed !== false || state === 'expired' || reason != null);

/** How a session ended, by the return URL. The service adds to its query, so that the app's own names come before. */
function endOf(url) {
  const [query] = (url ?? '').split('#');
  const found = [...query.matchAll(/[?&]session=([\w-]+)&status=[a-z_]+(?:&code=([\w-]{22}))?(?=&|$)/g)].at(-1);
  return found && { session: found[1], code: found[2] };
}

/** React Native's answers have none. */
const canStream = () => 'body' in (globalThis.Response?.prototype ?? {});

/** Of an absolute address. */
const originOf = (url) => /^https?:\/\/[^/?#]+/i.exec(url)?.[0].toLowerCase().replace(/:(80|443)$/, '');

/** For JSON, so that equal objects have equal texts. */
const sorted = (_, value) => (value && typeof value === 'object' && !Array.isArray(value)
  ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))) : value);

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
function orAborted(promise, signal, onAbort) {
  return new Promise((resolve, reject) => {
    const ending = (settle) => (value) => {
      signal?.removeEventListener('abort', stop);
      settle(value);
    };
    const stop = () => {
      ending(reject)(reasonOf(signal));
      onAbort?.();
    };
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    Promise.resolve(promise).then(ending(resolve), ending(reject));
  });
}

async function sleep(milliseconds, signal) {
  let timer;
  try {
    const pause = Math.min(milliseconds, longestSleep);
    await orAborted(new Promise((resolve) => { timer = setTimeout(resolve, pause); }), signal);
  } finally {
    clearTimeout(timer);
  }
}
