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
