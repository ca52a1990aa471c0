// Decisions of the page that need no document: what its address asks for, where a redirect may lead, what a message
// from another window may say. Everything here comes from outside, so each text is checked for its form and length.

const tokenForm = /^[\w-]{1,128}$/;
const ticketForm = /^([\w-]{1,128})\.[\w-]{22}$/;
const languageForm = /^[a-z]{2}$/;

/** An http(s) address or deep link is never longer than this. */
const longestURL = 4096;

const text = (value, form) => (typeof value === 'string' && form.test(value) ? value : undefined);

// MARK: - The address

/**
 * What the fragment of the page's address holds: `{ticket, shell, handed}`, `{token}`, `{isMalformed}`, or nothing.
 * A name that is given twice is malformed: two readers could take different ones.
 */
export function readFragment(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ''));
  const has = ['ticket', 'fp_cot'].filter((name) => values.has(name));
  if (has.length === 0) return undefined;
  const [name] = has;
  const given = text(values.get(name), name === 'ticket' ? ticketForm : tokenForm);
  if (has.length > 1 || values.getAll(name).length > 1 || !given) return { isMalformed: true };
  if (name === 'fp_cot') return { token: given };
  return { ticket: given, shell: values.get('shell') === '1', handed: values.get('handed') === '1' };
}

/** A ticket with its marks, as they are behind `ticket=` in the fragment. */
export const ticketWithMarks = ({ ticket, shell, handed }) =>
  `${ticket}${shell ? '&shell=1' : ''}${handed ? '&handed=1' : ''}`;

export const sessionOf = (ticket) => ticketForm.exec(ticket)?.[1];

/**
 * What a document does first.
 *
 * @param fragment of `readFragment`
 * @param kept the values of the tab's memory
 * @param isKept whether the browser keeps them at all
 * @returns one of: `exchange` (a ticket), `resume` (the tab holds the session), `returned` (a login window whose login
 *   is over), `foreign` (a token of another tab), `unknown` (no ticket), `ended` (the tab's session is over), `nothing`
 */
export function firstAct(fragment, kept, isKept = true) {
  if (fragment?.isMalformed) return 'unknown';
  // The same launch URL in the tab that holds its session: a ticket is good once, and is not needed again.
  if (fragment?.ticket) {
    const isHeld = kept.token && !kept.popup && kept.session === sessionOf(fragment.ticket);
    return isHeld ? 'resume' : 'exchange';
  }
  // Where nothing is kept, the customer's own login window comes back like this, too.
  if (fragment?.token && fragment.token !== kept.token) return isKept ? 'foreign' : 'returned';
  // Whoever comes back to the session that the tab holds means that one.
  if (kept.ticket && !fragment?.token) return 'exchange';
  if (kept.token) return kept.popup ? 'returned' : 'resume';
  return kept.ended ? 'ended' : 'nothing';
}

/** The first of the wishes that the page has texts for. */
export function languageOf(wishes, known) {
  const subtags = wishes.map((wish) => (typeof wish === 'string' ? wish.toLowerCase().split('-')[0] : ''));
  return subtags.find((subtag) => known.includes(subtag)) ?? known[0] ?? 'en';
}

// MARK: - Redirects

/**
 * Schemes that a browser handles itself, where they could run a script, read a file or leave the web unseen. Every
 * other scheme is a deep link, of an app.
 */
const refusedSchemes = new Set([
  'about:', 'blob:', 'chrome:', 'content:', 'data:', 'edge:', 'file:', 'filesystem:', 'ftp:', 'intent:', 'jar:',
  'javascript:', 'mailto:', 'ms-appx:', 'resource:', 'sms:', 'tel:', 'vbscript:', 'view-source:', 'ws:', 'wss:',
]);

/**
 * Where a redirect of Connect's leads.
 *
 * @param callback the address of this service that ends a session
 * @param page the page's own address
 * @returns `{kind, url}`, where kind is `end` (the callback), `login` (a web address), `app` (a deep link) or `refused`
 */
export function classify(redirect, { callback, page }) {
  const refused = { kind: 'refused' };
  if (typeof redirect !== 'string' || redirect.length > longestURL) return refused;
  let url;
  try {
    url = new URL(redirect);
  } catch {
    return refused;
  }
  if (url.username || url.password) return refused;
  if (url.protocol === 'https:' || url.protocol === 'http:') {
    const end = new URL(callback);
    if (url.origin === end.origin && url.pathname === end.pathname) return { kind: 'end', url: url.href };
    // The address of a login holds the token: it never leaves an encrypted page in the clear.
    if (url.protocol === 'http:' && new URL(page).protocol !== 'http:') return refused;
    return { kind: 'login', url: url.href };
  }
  return refusedSchemes.has(url.protocol) ? refused : { kind: 'app', url: url.href };
}

// MARK: - Messages

const isObject = (value) => typeof value === 'object' && value !== null;

/** The port that an opener hands over; undefined for a message of any other kind, window or origin. */
export function portOf(event, { opener, origins }) {
  if (event.source !== opener || !origins.includes(event.origin)) return undefined;
  if (!isObject(event.data) || event.data.type !== 'connect-bff:port' || event.ports.length !== 1) return undefined;
  return event.ports[0];
}

/** Whether an opener asks over its port to close the session: all that it can ask. */
export const isClose = (data) => isObject(data) && data.type === 'close';

/** Whether a message comes from the login window that this document opened, and asks for the login. */
export const asksForLogin = (event, { popup, origin }) =>
  event.source === popup && event.origin === origin && isObject(event.data) && event.data.type === 'connect-bff:popup';

/** What a login window is given by its opener: `{token, url, language}`; undefined for anything else. */
export function loginOf(event, { opener, origin, callback, page }) {
  if (event.source !== opener || event.origin !== origin || !isObject(event.data)) return undefined;
  const { type, token, url, language } = event.data;
  if (type !== 'connect-bff:login' || !text(token, tokenForm) || !text(language, languageForm)) return undefined;
  const target = classify(url, { callback, page });
  return target.kind === 'login' || target.kind === 'app' ? { token, url: target.url, language } : undefined;
}

/**
 * How a session ended, as the callback answers it; null for what it does not say in due form. For the tab that holds a
 * session which confirms, also the one-time `code`, and the return URL with it as `url`.
 */
export function outcomeOf(json) {
  const code = text(json?.code, /^[\w-]{22}$/);
  const url = returnURLOf(json?.return_url);
  return {
    session: text(json?.session, /^[\w-]{1,128}$/) ?? null,
    status: text(json?.status, /^[a-z_]{1,32}$/) ?? null,
    ...code && { code },
    ...url && { url },
  };
}

/** A return URL that a document may go to. */
function returnURLOf(value) {
  if (typeof value !== 'string' || value.length > longestURL) return undefined;
  try {
    const { protocol, href } = new URL(value);
    return refusedSchemes.has(protocol) ? undefined : href;
  } catch {
    return undefined;
  }
}

// MARK: - Trying again

/** How often a call is repeated by itself, and a call that already took the longest time. */
const longestSeries = 4;
const slowSeries = 1;
/**
 * When a ticket that the service does not know is sent again, in milliseconds. The node that minted its session may not
 * have written it yet, and no other node can know that: see docs/security.md.
 */
const unknownSeries = [500, 1000, 2000, 2000];
/** The longest wait that the page takes upon itself, in seconds; after a longer one the customer decides. */
const longestWait = 15;

/**
 * After how many milliseconds a failed call that changes nothing twice is repeated by itself; undefined for not at all.
 *
 * @param failure of the call: `{code, isLost, status, retryAfter}`
 * @param attempt 1 after the first call
 */
export function retryDelay({ code, isLost, status, retryAfter }, attempt) {
  if (code === 'ticket_unknown') return unknownSeries[attempt - 1];
  // A device without a connection goes on by itself when it has one; its customer reads why it does not, at once.
  if (code === 'offline' || !(isLost || [502, 503, 504].includes(status))) return undefined;
  if (attempt > (code === 'timed_out' ? slowSeries : longestSeries) || retryAfter > longestWait) return undefined;
  return Math.max(retryAfter, Math.min(2 ** (attempt - 1), 5)) * 1000;
}

/** How often a report is sent again that a limit refuses, and the longest wait before that, in seconds. */
const reportSeries = 12;
const longestReportWait = 60;

/**
 * After how many milliseconds a failed report of a foreign token is repeated. No customer waits for it, and a limit that others
 * have used up must not suppress it.
 */
export function reportDelay(failure, attempt) {
  if (failure.status !== 429) return retryDelay(failure, attempt);
  if (attempt > reportSeries) return undefined;
  return Math.min(Math.max(failure.retryAfter, 2 ** (attempt - 1)), longestReportWait) * 1000;
}

/** When the callback is asked again for a code, in milliseconds: the service waits 2 seconds for the result each time. */
const codeSeries = [1000, 2000, 3000];

/**
 * After how many milliseconds the end of a session that confirms is asked for again; undefined where it has a code, or
 * will not have one.
 *
 * @param end of `outcomeOf`
 * @param attempt 1 after the first answer
 * @param hasShownResult whether the document has shown one: then Flatpeak's word that there is none comes too early
 */
export function codeDelay({ code, status }, attempt, hasShownResult = false) {
  // In every other state Flatpeak has said whether there is a result.
  const isOpen = status === 'active' || status === 'created' || (hasShownResult && status === 'abandoned');
  return !code && isOpen ? codeSeries[attempt - 1] : undefined;
}

// MARK: - Pages of Connect

/**
 * The step that asks Connect for the current page.
 *
 * @param version of Flatpeak's API, such as `2025-09-14.anode`; from BUSBAR on, a start names its flow, and another step
 *   resumes (upstream.md §9)
 * @param isStarted whether the session has answered before
 */
export function startOf(version, isStarted) {
  if (!resumes(version)) return { route: 'session_start' };
  return isStarted ? { route: 'session_restore' } : { route: 'session_start', action: 'TARIFF' };
}

/** Whether a version of Flatpeak's API has a step of its own to resume a session: BUSBAR and newer ones. */
export const resumes = (version) => version >= '2026-08-01';

/** Whether a step asks for the current page, and answers none. */
export const isStart = ({ route }) => route === 'session_start' || route === 'session_restore';

/** A page of Connect's answer, or undefined where it is none. Its data is for the screen of its route to read. */
export function readPage(json) {
  if (json.object === 'error' || json.route === 'error' || !text(json.route, /^[\w-]{1,128}$/)) return undefined;
  const actions = Array.isArray(json.actions) ? json.actions.filter((each) => text(each, /^\w{1,64}$/)) : undefined;
  return { ...json, actions, data: isObject(json.data) ? json.data : {} };
}

/** Whether a page shows what was connected, or that the provider has not answered yet. */
export const isResult = ({ route }) =>
  ['tariff_summary', 'tariffs_summary', 'tariff_connection_pending'].includes(route);

/** Every page takes BACK, and some do not list their actions at all; one that lists others only has no way back. */
export const hasBack = (page) => page.actions === undefined || page.actions.includes('BACK');

/** Where a page leads besides a screen; undefined for a page that is shown. */
export function redirectOf({ route, data }) {
  if (route !== 'session_redirect' && route !== 'session_complete') return undefined;
  return data.redirect_url ?? data.callback_url ?? data.callback_uri;
}
