// The routes of the service that the page calls. Nothing else is ever called.

import { codeDelay, outcomeOf, readPage, reportDelay, retryDelay } from './rules.js';

/** The service's public address, with its path prefix: this module is at `connect/assets/DIGEST/service.js`. */
const base = new URL('../../../', import.meta.url);

/** The page's own address, as a launch URL has it. */
export const pageURL = new URL('connect', base).href;
export const popupURL = new URL('connect/popup', base).href;
/** Where a session ends. */
export const callbackURL = new URL('v1/connect/callback', base).href;

/** The callback as Connect calls it, for a session that the page ends by itself. */
export function callbackOf(token) {
  const url = new URL(callbackURL);
  url.searchParams.set('fp_cot', token);
  return url.href;
}

/** A callback for the browser to go to: where it shows a page, that is in the customer's language. */
export function inLanguage(callback) {
  const url = new URL(callback);
  url.searchParams.set('lang', language);
  return url.href;
}

/** A call that did not work, with what a customer and an engineer need to know about it. */
export class Failure extends Error {
  constructor(code, { message = '', requestId, retryAfter, status, isRefusal = false, isLost = false } = {}) {
    super(message);
    this.code = code;
    /** The operator's log knows it. */
    this.requestId = requestId;
    /** Seconds before another call makes sense. */
    this.retryAfter = secondsOf(retryAfter);
    /** The HTTP status, where there was an answer. */
    this.status = status;
    /** The customer's answer was not accepted; the same call again would not be either. */
    this.isRefusal = isRefusal;
    /** It is unknown whether the service did what it was asked to. */
    this.isLost = isLost;
  }
}

/** `Retry-After` as seconds (RFC 9110 section 10.2.3), at most an hour; a date is not sent by this service. */
function secondsOf(retryAfter) {
  const seconds = /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) : 0;
  return Math.min(seconds, 3600);
}

/** A module that is loaded when it is needed. */
export async function loaded(module) {
  try {
    return await module;
  } catch {
    throw new Failure(navigator.onLine === false ? 'offline' : 'unreachable', { isLost: true });
  }
}

/** The codes of a token with which the session cannot go on: its own, or those of Connect. */
export const isOver = (failure) => /^connect_token_(unknown|used|expired|missing|not_found)$/.test(failure.code);

/** A slow provider may take a while; a customer waits no longer than this, in milliseconds. */
const relayTimeout = 40_000;
const ownTimeout = 15_000;

let language = 'en';

/** In which language Flatpeak and the service are asked from now on. */
export function speak(chosen) {
  language = chosen;
}

/** One call; resolves with the answer and its JSON, or throws a `Failure` where there is no whole one. */
async function send(url, { body, timeout, keepalive = false }) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  let answer;
  try {
    const headers = { Accept: 'application/json', 'Accept-Language': language };
    if (body) headers['Content-Type'] = 'application/json';
    answer = await fetch(url, {
      method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body), signal: abort.signal, keepalive,
      mode: 'same-origin', credentials: 'same-origin', cache: 'no-store', redirect: 'error',
      // Not `no-referrer`, with which Firefox sends `Origin: null` (Fetch section 3.2): that is refused.
      referrerPolicy: 'strict-origin',
    });
    return { answer, json: await readJSON(answer) };
  } catch (error) {
    if (error instanceof Failure) throw error;
    const facts = { requestId: requestOf(answer), status: answer?.status, isLost: true };
    if (abort.signal.aborted) throw new Failure('timed_out', facts);
    if (answer) throw new Failure('answer_incomplete', facts);
    throw new Failure(navigator.onLine === false ? 'offline' : 'unreachable', facts);
  } finally {
    clearTimeout(timer);
  }
}

const requestOf = (answer) => answer?.headers.get('X-Request-Id') ?? undefined;

/** The JSON of an answer. One that is no JSON object is torn, or comes from something in front of the service. */
async function readJSON(answer) {
  const body = await answer.text();
  try {
    const json = JSON.parse(body);
    if (typeof json === 'object' && json !== null) return json;
  } catch {
    // Said below.
  }
  const facts = {
    requestId: requestOf(answer), status: answer.status, retryAfter: answer.headers.get('Retry-After'),
    // A refusal is one, in whatever form; the same call again would be refused again.
    isLost: answer.ok || answer.status >= 500,
  };
  if (answer.status === 429) throw new Failure('rate_limited', facts);
  throw new Failure(answer.ok ? 'answer_incomplete' : answer.status >= 502 ? 'unreachable' : 'unexpected_error', facts);
}

/** A call that speaks problem details (RFC 9457) when it fails. */
async function ask(url, options) {
  const { answer, json } = await send(url, { timeout: ownTimeout, ...options });
  if (answer.ok) return json;
  throw new Failure(codeOf(json.code), {
    requestId: textOf(json.request_id) ?? requestOf(answer), retryAfter: answer.headers.get('Retry-After'),
    status: answer.status,
  });
}

/**
 * Repeats a call that changes nothing twice for as long as that makes sense.
 *
 * @param onRepeat called before each wait
 * @param delayOf says when to repeat
 */
export async function persist(call, { onRepeat, delayOf = retryDelay } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const delay = error instanceof Failure ? delayOf(error, attempt) : undefined;
      if (delay === undefined) throw error;
      onRepeat?.();
      await pause(delay);
    }
  }
}

const pause = (delay) => new Promise((resolve) => { setTimeout(resolve, delay); });

const textOf = (value) => (typeof value === 'string' && value !== '' ? value.slice(0, 1000) : undefined);
const codeOf = (value) => (typeof value === 'string' && /^\w{1,64}$/.test(value) ? value : 'unexpected_error');

const ticketsURL = new URL('v1/connect/tickets', base);

/**
 * Exchanges a ticket for the token of its session.
 *
 * @param tab the tab's key; the same ticket with the same key has the same answer
 * @returns `{token, session, confirms}`: whether the end of the session needs the tab's key
 */
export async function exchange(ticket, tab) {
  const answer = await ask(ticketsURL, { body: { ticket, tab } });
  const { connect_token: token, session, needs_confirmation: confirms } = answer;
  if (!textOf(token) || !textOf(session)) throw new Failure('answer_incomplete', { isLost: true });
  return { token, session, confirms: confirms === true };
}

/** A new ticket for the session of a token, to hand it over to another document. */
export async function ticketFor(token) {
  const { ticket } = await ask(ticketsURL, { body: { connect_token: token } });
  if (!textOf(ticket)) throw new Failure('answer_incomplete', { isLost: true });
  return ticket;
}

/** Says that a token came back in a document that does not hold its session: that ends a session which confirms. */
export const arrive = (token, tab) =>
  persist(() => ask(ticketsURL, { body: { connect_token: token, tab }, keepalive: true }), { delayOf: reportDelay });

/**
 * Ends a session at the callback, as a redirect there would: `{session, status}`.
 *
 * @param tab the key of the tab that holds a session which confirms; the answer then has `code` and `url`, too
 * @param hasShownResult see `codeDelay`
 */
export async function outcome(callback, tab, hasShownResult) {
  if (!tab) return outcomeOf(await ask(callback, {}));
  const token = new URL(callback).searchParams.get('fp_cot');
  for (let attempt = 1; ; attempt += 1) {
    // Counts even when its document is gone.
    const end = outcomeOf(await ask(callbackURL, { body: { connect_token: token, tab }, keepalive: true }));
    const delay = codeDelay(end, attempt, hasShownResult);
    if (delay === undefined) return end;
    await pause(delay);
  }
}

/** Where the customer goes from the entry of a session that is over: with a fresh code where there can be one. */
export async function wayBack(callback, tab) {
  if (!tab) return callback;
  try {
    return (await persist(() => outcome(callback, tab))).url ?? callback;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // There the service says in words what is wrong.
    return callback;
  }
}

/**
 * One step of a Connect session. The token in the body is all the credential there is; a failure is Flatpeak's error
 * object, whatever the HTTP status.
 */
export async function connect(token, step) {
  const { answer, json } = await send(new URL('v1/connect', base), {
    body: { connect_token: token, type: 'submit', ...step }, timeout: relayTimeout,
    // The answer that closes a session counts even when its document is gone.
    keepalive: step.action === 'CLOSE',
  });
  const page = readPage(json);
  if (answer.ok && page) return page;
  const isError = json.object === 'error' || json.route === 'error';
  const code = codeOf(json.code ?? json.error_code);
  throw new Failure(code, {
    // A bare message is a server's own word for its fault.
    message: isError ? textOf(json.message ?? json.error_message) : undefined,
    requestId: textOf(json.request_id) ?? requestOf(answer), retryAfter: answer.headers.get('Retry-After'),
    status: answer.status, isRefusal: isError && json.type === 'invalid_request' && answer.status !== 429,
    isLost: answer.status >= 500 && answer.status !== 503,
  });
}
