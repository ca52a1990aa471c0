// The public routes of the service that this app calls. The Connect page makes its own calls.

/** A call that did not work, with what a customer and an engineer need to know about it. */
export class Failure extends Error {
  constructor(message, { code = 'unexpected_error', requestId, retryAfter }) {
    super(message);
    this.code = code;
    this.requestId = requestId;
    /** Seconds before another call makes sense. */
    this.retryAfter = Number(retryAfter) || 0;
  }
}

/** A customer waits no longer than this, in milliseconds. */
const timeout = 40_000;

/** A call that speaks problem details (RFC 9457) when it fails. */
async function ask(method, path, { user, body, key }) {
  // How `connect-bff dev` signs users in. Your app sends what its BFF_AUTH asks for, such as a bearer.
  const headers = { 'X-Dev-Subject': user };
  if (body) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  let answer;
  let json;
  try {
    answer = await fetch(path, {
      method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(timeout),
    });
    json = await answer.json();
  } catch {
    throw new Failure('The service could not be reached, or did not answer in time.', {
      requestId: answer?.headers.get('X-Request-Id'),
    });
  }
  if (answer.ok) return json;
  throw new Failure([json.title, json.detail].filter(Boolean).join('. '), {
    code: json.code, requestId: json.request_id, retryAfter: answer.headers.get('Retry-After'),
  });
}

/** @param key names this mint: with the same one a second try does not make a second session */
export const mint = (user, request, key) => ask('POST', '/v1/connect/sessions', { user, body: request, key });

export const session = (user, id) => ask('GET', `/v1/connect/sessions/${id}`, { user });

/** Confirms a session with the code that came with its end; with the same code again, it changes nothing more. */
export const confirm = (user, id, code) =>
  ask('POST', `/v1/connect/sessions/${id}/confirm`, { user, body: { code } });

export const locations = async (user) => (await ask('GET', '/v1/locations', { user })).data;

export const status = async (user, location) =>
  (await ask('GET', `/v1/locations/${location}/status`, { user })).tariff_status;

export const tariffs = async (user, location) =>
  (await ask('GET', `/v1/tariffs/elements?location_id=${location}`, { user })).data;

export function prices(user, location, direction, start, end) {
  const query = new URLSearchParams({
    direction, start_time: start.toISOString(), end_time: end.toISOString(),
  });
  return ask('GET', `/v1/locations/${location}/prices?${query}`, { user });
}

// What comes after the tariff is connected.

export const place = (user, location) => ask('GET', `/v1/locations/${location}`, { user });

const charger = 'charger-1';

/** The charger of a home, which is created once. */
export async function device(user, location) {
  const path = `/v1/locations/${location}/devices`;
  const known = (await ask('GET', path, { user })).data.find((each) => each.reference_id === charger);
  return (known ?? await ask('POST', path, { user, body: { reference_id: charger }, key: `${location}-${charger}` })).id;
}

/**
 * When to charge.
 * @param cap the dearest price of a kWh to charge at, in major units
 */
export const plan = (user, location, { device: id, end, energy, power, cap }) =>
  ask('POST', `/v1/locations/${location}/schedules/amount`, {
    user,
    body: {
      max_power: { units: 'KW', value: power },
      ...cap !== undefined && { shaving_threshold: { absolute: cap } },
      data: [{
        device_id: id, end_time: end.toISOString(), max_power: { units: 'KW', value: power },
        energy: { units: 'KWH', value: energy },
      }],
    },
  });

/** Sends what a meter counted. In production your backend does, with a service key. */
export const submit = (user, location, records, key) =>
  ask('PUT', `/v1/locations/${location}/meters/interval`, { user, body: records, key });

export const batch = (user, location, id) => ask('GET', `/v1/locations/${location}/meters/batches/${id}`, { user });

export const costOfCharge = async (user, location, reference) =>
  (await ask('GET', `/v1/locations/${location}/costs/sessions/${reference}`, { user })).data;

export function costs(user, location, aggregation, start, end) {
  const query = new URLSearchParams({ aggregation, start_time: start.toISOString(), end_time: end.toISOString() });
  return ask('GET', `/v1/locations/${location}/costs?${query}`, { user });
}

/** Milliseconds until a stream that ended is opened again. */
const pause = 2000;

/**
 * Calls `changed` with the name of each event of a location, until `signal` aborts.
 *
 * `EventSource` would do, if it could say who is signed in.
 * @param seen keeps in `last` what was seen, for the next call
 */
export async function follow(user, location, changed, signal, seen = {}) {
  while (!signal.aborted) {
    try {
      const headers = { 'X-Dev-Subject': user, ...seen.last && { 'Last-Event-ID': seen.last } };
      const answer = await fetch(`/v1/locations/${location}/events`, { headers, signal });
      // Not the user's any more.
      if (answer.status === 404) return;
      if (answer.ok) await read(answer.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch {
      // The service restarts, or the page goes away.
    }
    if (!signal.aborted) await new Promise((resolve) => { setTimeout(resolve, pause); });
  }

  async function read(reader) {
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)));
        seen.last = fields.id ?? seen.last;
        if (fields.event) changed(fields.event);
      }
    }
  }
}
