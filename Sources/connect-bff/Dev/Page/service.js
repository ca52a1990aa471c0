// The public routes of the service that this page uses. Nothing else is ever called.

/** A call that did not work, with what a customer and an engineer need to know about it. */
export class Failure extends Error {
  constructor(message, { code = 'unexpected_error', requestId, retryAfter, isRefusal = false }) {
    super(message);
    this.code = code;
    this.requestId = requestId;
    /** Seconds before another call makes sense. */
    this.retryAfter = Number(retryAfter) || 0;
    /** The customer's answer was not accepted; the same call again would not be either. */
    this.isRefusal = isRefusal;
  }
}

/** A slow provider may take a while; a customer waits no longer than this. */
const timeout = 40_000;

async function send(method, path, { user, body } = {}) {
  const headers = {};
  // How `connect-bff dev` signs users in. Your app sends what its BFF_AUTH asks for, such as a bearer.
  if (user) headers['X-Dev-Subject'] = user;
  if (body) headers['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(timeout),
    });
    return { answer, json: await answer.json() };
  } catch {
    throw new Failure('The service could not be reached, or did not answer in time.', {
      requestId: answer?.headers.get('X-Request-Id'),
    });
  }
}

/** A call that speaks problem details (RFC 9457) when it fails. */
async function ask(method, path, options) {
  const { answer, json } = await send(method, path, options);
  if (answer.ok) return json;
  throw new Failure([json.title, json.detail].filter(Boolean).join('. '), {
    code: json.code, requestId: json.request_id, retryAfter: answer.headers.get('Retry-After'),
  });
}

export const mint = (user, request) => ask('POST', '/v1/connect/sessions', { user, body: request });

export const session = (user, id) => ask('GET', `/v1/connect/sessions/${id}`, { user });

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

/**
 * One step of a Connect session. The token in the body is all the credential there is; a failure is Flatpeak's error
 * object, whatever the HTTP status.
 */
export async function connect(token, step) {
  const { answer, json } = await send('POST', '/v1/connect', { body: { connect_token: token, type: 'submit', ...step } });
  const isError = json.object === 'error' || json.route === 'error';
  if (!isError && typeof json.route === 'string') return json;
  throw new Failure(json.message ?? json.error_message ?? 'Something went wrong.', {
    code: json.code ?? json.error_code,
    requestId: json.request_id ?? answer.headers.get('X-Request-Id'),
    retryAfter: answer.headers.get('Retry-After'),
    isRefusal: isError && json.type === 'invalid_request' && !fatal.has(json.code),
  });
}

/** Codes after which the session cannot go on; those of the sandbox's Connect host are among them. */
export const fatal = new Set([
  'connect_token_unknown', 'connect_token_used', 'connect_token_expired', 'connect_token_missing',
  'connect_token_not_found',
]);
