// As much of a browser's tab as the page needs: a document, the history, storage, a service, and a clock that the test
// moves. One document at a time, because scripts have it in their global names.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const assets = new URL('../../Sources/ConnectPage/Assets/', import.meta.url);

/** Where the page is: under a path prefix, which a proxy may take off. */
export const publicURL = 'https://connect.example.com/bff/';
export const pageURL = `${publicURL}connect`;
export const callbackURL = `${publicURL}v1/connect/callback`;

export const session = 'cs_8b18d54dcc886741157f346e';
export const ticket = `${session}.AAAAAAAAAAAAAAAAAAAAAA`;
export const token = 'cot_df0308a9a769e327e036fdf8';

/** Screens of Connect that have a button for each way on; the real ones have tests of their own. */
const screens = `
  import { button } from './kit.js';
  const ask = (page, go) => ({ title: page.route, lead: '', content: [
    button('submit', () => go.submit(page.data.answer ?? {})), button('act', () => go.act(page.data.action)),
  ], actions: [] });
  const late = (load) => ({ load, name: 'postalAddress' });
  export const screens = { ask, provider_select: ask, late: late(() => Promise.resolve({ postalAddress: ask })),
    lost: late(() => Promise.reject(new TypeError('Failed to fetch'))), broken() { throw new Error('no such data'); } };
  export const anyScreen = (page) => ({ title: 'any ' + page.route, lead: '', content: [] });
  export const labelOf = (action) => action;
`;

// Global only since Node 19.
globalThis.crypto ??= webcrypto;

const root = mkdtempSync(join(tmpdir(), 'connect-page-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));
writeFileSync(join(root, 'package.json'), '{"type": "module"}');

/** Texts that are their own keys with their places, since no test here is about wording. */
async function keysOf(file) {
  const { default: texts } = await import(new URL(file, sources));
  const places = (text) => [...JSON.stringify(text).matchAll(/\{\w+\}/g)].map(([place]) => place);
  const named = Object.entries(texts).map(([key, text]) => [key, [key, ...new Set(places(text))].join(' ')]);
  return `export default ${JSON.stringify(Object.fromEntries(named))};`;
}

// The assets as they are, beside a file that makes them modules for every version of Node.
const sources = pathToFileURL(join(root, 'assets/'));
cpSync(assets, sources, { recursive: true });
const files = await Promise.all(readdirSync(assets).filter((each) => each.endsWith('.js')).map(async (file) => {
  const text = file === 'screens.js' ? screens
    : file.startsWith('text-') ? await keysOf(file) : readFileSync(new URL(file, assets), 'utf8');
  const address = `${publicURL}connect/assets/0011223344556677/${file}`;
  return [file, text.replaceAll('import.meta.url', JSON.stringify(address))
    .replace(/\bimport\((`[^`]*`|'[^']*')\)/g, 'globalThis.whileLoading(import($1))')];
}));

/** A module of the page, with all that it imports anew, as a document has it. */
export async function load(name) {
  const folder = mkdtempSync(join(root, 'document-'));
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
  return import(pathToFileURL(join(folder, name)).href);
}

// MARK: - The clock

class Clock {
  #now = 0;
  #next = 1;
  #timers = new Map();

  set(act, delay = 0, interval = undefined) {
    this.#timers.set(this.#next, { at: this.#now + delay, act, interval });
    return this.#next++;
  }

  clear(id) { this.#timers.delete(id); }

  get now() { return this.#now; }

  /** Lets time pass, and runs what is due in it, in order. */
  async pass(milliseconds) {
    const end = this.#now + milliseconds;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [id, timer] = due;
      this.#now = timer.at;
      if (timer.interval) timer.at += timer.interval;
      else this.#timers.delete(id);
      timer.act();
    }
    this.#now = end;
    await settled();
  }
}

const realSetTimeout = setTimeout;

/** How many modules are being loaded that a script asked for: that takes as long as the machine likes. */
let loads = 0;
globalThis.whileLoading = async (module) => {
  loads += 1;
  try {
    return await module;
  } finally {
    loads -= 1;
  }
};

/** Lets everything run that waits for nothing but modules. */
export async function settled() {
  for (let quiet = 0; quiet < 4; quiet = loads > 0 ? 0 : quiet + 1) {
    await new Promise((resolve) => { realSetTimeout(resolve, 0); });
  }
}

// MARK: - The document

class FakeElement extends EventTarget {
  constructor(name) {
    super();
    Object.assign(this, { name, attributes: {}, children: [], parent: undefined, dataset: {}, disabled: false });
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (name === 'disabled') this.disabled = true;
  }

  getAttribute(name) { return this.attributes[name] ?? null; }

  append(...nodes) { nodes.forEach((node) => this.#adopt(node, this.children.length)); }

  prepend(...nodes) { nodes.forEach((node, index) => this.#adopt(node, index)); }

  replaceChildren(...nodes) {
    for (const child of this.children) if (child instanceof FakeElement) child.parent = undefined;
    this.children = [];
    this.append(...nodes);
  }

  #adopt(node, index) {
    if (node instanceof FakeElement) node.parent = this;
    this.children.splice(index, 0, node);
  }

  remove() {
    if (this.parent) this.parent.children = this.parent.children.filter((each) => each !== this);
    this.parent = undefined;
  }

  get isConnected() { return this === document.body || Boolean(this.parent?.isConnected); }

  get textContent() { return this.children.map((each) => (typeof each === 'string' ? each : each.textContent)).join(''); }

  set textContent(text) { this.replaceChildren(text); }

  get all() { return this.children.filter((each) => each instanceof FakeElement).flatMap((each) => [each, ...each.all]); }

  get elements() { return this.all.filter((each) => ['input', 'select', 'button'].includes(each.name)); }

  get className() { return this.attributes.class ?? ''; }

  /** Names, classes and ids; whether a dialog is open. */
  matches(selector) {
    if (selector === 'dialog[open]') return this.name === 'dialog' && this.open === true;
    if (selector.startsWith('.')) return this.className.split(' ').includes(selector.slice(1));
    return this.name === selector;
  }

  querySelector(selector) { return this.all.find((each) => each.matches(selector)) ?? null; }

  focus() { document.activeElement = this; }

  showModal() { this.open = true; }

  close(value = '') {
    this.open = false;
    this.returnValue = value;
    this.dispatchEvent(new Event('close'));
  }

  click() { if (!this.disabled && !this.closestDisabled) this.dispatchEvent(new Event('click')); }

  get closestDisabled() { return this.parent && (this.parent.disabled || this.parent.closestDisabled); }
}

// MARK: - The tab

/** What outlives a document: the history, and the storage. */
export class Tab {
  entries = [{ url: 'https://app.example.com/', state: null }];
  index = 0;
  stored = new Map();
  clock = new Clock();
  /** Calls of the service: `{path, method, headers, body, keepalive}`. */
  calls = [];
  /** Answers by path, the next one first: `[status, json, headers]`, a text for a torn one, or an error. */
  answers = {};
  posted = [];
  language = 'en';
  /** Addresses that the document left for. */
  departures = [];

  /** @param options `{origins, parent, opener, isStorageRefused, globals, version}` */
  constructor(options = {}) { this.options = { origins: [], ...options }; }

  get url() { return this.entries[this.index].url; }

  get document() { return globalThis.document; }

  get screen() { return this.document.getElementById('screen'); }

  get text() { return this.screen.textContent; }

  get title() { return this.screen.querySelector('h1')?.textContent; }

  get kept() { return JSON.parse(this.stored.get('connect-bff:/bff/') ?? '{}'); }

  get requests() { return this.calls.map(({ path, body }) => [path, body?.route ?? Object.keys(body ?? {})[0], body?.action].filter(Boolean).join(' ')); }

  /** Goes to an address, with a document of its own. */
  async open(url, name = 'page.js') {
    this.entries.splice(this.index + 1, this.entries.length, { url, state: null });
    this.index += 1;
    await this.load(name);
  }

  /** The document at the current entry of the history, anew. */
  async load(name = 'page.js') {
    this.#make();
    await load(name);
    await settled();
  }

  answer(path, ...answers) { (this.answers[path] ??= []).push(...answers); }

  button(label) {
    const found = this.screen.all.find((each) => each.name === 'button'
      && (each.textContent === label || each.getAttribute('aria-label') === label));
    if (!found) throw new Error(`no button “${label}” on: ${this.text}`);
    return found;
  }

  async press(label) {
    this.button(label).click();
    await settled();
  }

  async send(type, properties) {
    globalThis.dispatchEvent(Object.assign(new Event(type), properties));
    await settled();
  }

  /** The button of the browser. */
  async goBack() {
    this.#step(-1);
    await settled();
    await settled();
  }

  #step(by) {
    if (!this.entries[this.index + by]) return;
    this.index += by;
    globalThis.dispatchEvent(Object.assign(new Event('popstate'), { state: this.entries[this.index].state }));
  }

  #make() {
    const tab = this;
    const { clock } = this;
    const events = new EventTarget();
    const element = (name, id, children = []) => Object.assign(new FakeElement(name), { id }).add(children);
    FakeElement.prototype.add = function add(children) {
      this.append(...children);
      return this;
    };
    const late = element('div', '');
    late.setAttribute('class', 'late');
    const body = element('body', '', [
      element('span', 'brand', ['Daylight']), element('main', 'screen', [element('p', 'moment'), late]), element('footer', 'foot'),
      element('script', 'config', [JSON.stringify({
        name: 'Daylight', logo: null, support: null, privacy: null, origins: this.options.origins,
        languages: ['en', 'de', 'fr', 'nl'], version: this.options.version ?? '2025-09-14.anode',
      })]),
    ]);
    const document = Object.assign(new EventTarget(), {
      title: 'Daylight', body, activeElement: body, hidden: false, baseURI: this.url,
      documentElement: Object.assign(new FakeElement('html'), { lang: this.language }),
      createElement: (name) => new FakeElement(name), createElementNS: (_, name) => new FakeElement(name),
      getElementById: (id) => body.all.find((each) => each.id === id) ?? null,
      querySelector: (selector) => body.querySelector(selector),
    });
    const parts = () => new URL(tab.url);
    const location = {
      get href() { return tab.url; },
      get origin() { return parts().origin; },
      get protocol() { return parts().protocol; },
      get pathname() { return parts().pathname; },
      get search() { return parts().search; },
      get hash() { return parts().hash; },
      ancestorOrigins: tab.options.ancestorOrigins,
      assign: (url) => tab.departures.push(['assign', String(url)]),
      replace: (url) => tab.departures.push(['replace', String(url)]),
      reload: () => tab.departures.push(['reload', tab.url]),
    };
    const history = {
      get state() { return tab.entries[tab.index].state; },
      get length() { return tab.entries.length; },
      replaceState(state, _, url) { tab.entries[tab.index] = { state, url: url ? new URL(url, tab.url).href : tab.url }; },
      pushState(state, _, url) {
        tab.entries.splice(tab.index + 1, tab.entries.length, { state, url: url ? new URL(url, tab.url).href : tab.url });
        tab.index += 1;
      },
      back: () => queueMicrotask(() => tab.#step(-1)),
      forward: () => queueMicrotask(() => tab.#step(1)),
    };
    const storage = {
      getItem: (key) => tab.stored.get(key) ?? null,
      setItem: (key, value) => tab.stored.set(key, value),
      removeItem: (key) => tab.stored.delete(key),
    };
    const globals = {
      document, location, history, window: globalThis, fetch: (url, init) => tab.#fetch(url, init),
      parent: this.options.parent ?? globalThis, opener: this.options.opener ?? null, scrollTo() {}, close() { tab.isClosed = true; },
      open: (...given) => tab.options.open?.(...given) ?? null, reportError() {}, navigator: { onLine: true, languages: [] },
      setTimeout: (act, delay) => clock.set(act, delay), clearTimeout: (id) => clock.clear(id),
      setInterval: (act, delay) => clock.set(act, delay, delay), clearInterval: (id) => clock.clear(id),
      performance: { now: () => clock.now },
      addEventListener: events.addEventListener.bind(events), dispatchEvent: events.dispatchEvent.bind(events),
      removeEventListener: events.removeEventListener.bind(events),
      ...this.options.globals,
    };
    for (const [name, value] of Object.entries(globals)) {
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
    }
    Object.defineProperty(globalThis, 'sessionStorage', {
      configurable: true,
      get() {
        if (tab.options.isStorageRefused) throw new DOMException('refused', 'SecurityError');
        return storage;
      },
    });
  }

  async #fetch(url, { method, headers, body, signal, keepalive }) {
    const path = String(url).replace(publicURL, '');
    this.calls.push({ path, method, headers, body: body && JSON.parse(body), keepalive });
    const answers = this.answers[path.split('?')[0]] ?? [];
    const answer = answers.shift();
    if (answer === undefined) throw new Error(`no answer for ${path}`);
    if (answer === 'never') {
      return new Promise((_, reject) => { signal.addEventListener('abort', () => reject(new Error('aborted'))); });
    }
    if (answer === 'refused') throw new TypeError('Failed to fetch');
    const [status, json, extra = {}] = answer;
    const given = new Map(Object.entries({ 'x-request-id': 'req_1', ...extra }));
    return {
      status, ok: status >= 200 && status < 300, headers: { get: (name) => given.get(name.toLowerCase()) ?? null },
      text: async () => (typeof json === 'string' ? json : JSON.stringify(json)),
    };
  }
}

/** An answer of Connect's. */
export const page = (route, data = {}, actions = ['BACK', 'CLOSE']) =>
  [200, { connect_token: token, route, live_mode: false, actions, data }];

export const redirect = (url) => [200, { connect_token: token, route: 'session_redirect', data: { redirect_url: url } }];

export const refusal = (code, status = 400) =>
  [status, { object: 'error', type: 'invalid_request', code, message: `Said by Flatpeak: ${code}`, request_id: 'req_2' }];

export const problem = (code, status, headers = {}) =>
  [status, { code, title: code, status, request_id: 'req_3' }, headers];

export const exchanged = [200, {
  object: 'connect_ticket', connect_token: token, session, expires_at: '2026-11-29T12:00:00Z', live_mode: false,
}];

/** The same of a session that needs a confirmation. */
export const exchangedToConfirm = [200, { ...exchanged[1], needs_confirmation: true }];

/** A tab in which a session is open, on a screen of Connect. */
export async function openSession(options, first = page('ask')) {
  const tab = new Tab(options);
  tab.answer('v1/connect/tickets', options?.exchange ?? exchanged);
  tab.answer('v1/connect', first);
  await tab.open(`${pageURL}#ticket=${ticket}${options?.shell ? '&shell=1' : ''}`);
  return tab;
}
