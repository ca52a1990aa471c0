// As much of a browser as connect.js needs, with a clock that the test moves.

import { readFileSync } from 'node:fs';

const source = readFileSync(new URL('../../Sources/ConnectPage/Assets/connect.js', import.meta.url), 'utf8');
let loads = 0;

/** The module, as a browser has it that loaded it from `address`; each time anew. */
export function load(address = 'https://connect.example.com/connect.js') {
  const text = `${source.replaceAll('import.meta.url', JSON.stringify(address))}\n// ${loads += 1}`;
  return import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
}

class Port {
  postMessage(data) { queueMicrotask(() => this.isClosed || this.other.isClosed || this.other.onmessage?.({ data })); }

  close() { this.isClosed = true; }
}

class Channel {
  constructor() {
    [this.port1, this.port2] = [new Port(), new Port()];
    [this.port1.other, this.port2.other] = [this.port2, this.port1];
  }
}

/** A window in which the page is, and the page's end of what is said. */
class PageWindow {
  constructor(kind) {
    this.kind = kind;
    this.closed = false;
    this.document = {};
    this.posted = [];
    this.heard = [];
    this.location = { replace: (address) => { this.address = address; } };
  }

  postMessage(data, targetOrigin, [port] = []) {
    this.posted.push({ data, targetOrigin });
    this.port = port;
    if (port) port.onmessage = ({ data: message }) => this.heard.push(message);
  }

  focus() { this.isFocused = true; }

  close() { this.closed = true; }

  /** What the page posts to its opener, with whatever differs from that. */
  greets(changes = {}) {
    const event = Object.assign(new Event('message'), {
      source: this, origin: new URL(this.address).origin, data: { type: 'connect-bff:ready' }, ...changes,
    });
    globalThis.dispatchEvent(event);
    return this;
  }

  async says(message) {
    this.port.postMessage(message);
    await settled();
  }
}

class FakeElement extends EventTarget {
  constructor(name) {
    super();
    Object.assign(this, { name, attributes: {}, children: [], className: '', isConnected: false });
    if (name === 'iframe') this.contentWindow = new PageWindow('frame');
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
    if (name === 'class') this.className = value;
  }

  removeAttribute(name) { delete this.attributes[name]; }

  append(...children) { this.children.push(...children); }

  replaceChildren(...children) { this.children = children; }

  attachShadow() { return this.append(this.root = new FakeElement('#root')) ?? this.root; }

  remove() { this.isConnected = false; }

  focus() { document.activeElement = this; }

  showModal() {
    if (!browser.elements.some((each) => each.isConnected)) throw new DOMException('not connected', 'InvalidStateError');
    this.open = true;
  }

  close() {
    if (!this.open) return;
    this.open = false;
    this.dispatchEvent(new Event('close'));
  }

  click() { this.onclick?.(); }
}

/** Lets messages and promises arrive; no time passes. */
export const settled = () => new Promise((resolve) => { setImmediate(resolve); });

let browser;

/** Puts a new browser in place of the last one. */
export function startBrowser({ href = 'https://app.example.com/', language = 'en', blocksPopups = false } = {}) {
  let now = 0;
  let timers = [];
  const events = new EventTarget();
  browser = { elements: [], windows: [], assigned: [], errors: [] };
  Date.now = () => now;
  const globals = {
    document: {
      documentElement: { lang: language, style: { overflow: 'auto' } },
      adoptedStyleSheets: [],
      createElement(name) {
        const made = new FakeElement(name);
        browser.elements.push(made);
        return made;
      },
      body: { append: (element) => { element.isConnected = true; } },
    },
    HTMLDialogElement: class { showModal() {} },
    CSSStyleSheet: class { replaceSync(text) { this.text = text; } },
    MessageChannel: Channel,
    navigator: { languages: [] },
    location: { href, assign: (address) => browser.assigned.push(address) },
    history: { state: { kept: true }, replaceState(state, title, url) { browser.replaced = { state, url: `${url}` }; } },
    open(address, name, features) {
      if (blocksPopups) return null;
      const opened = new PageWindow('popup');
      Object.assign(opened, { address, features });
      browser.windows.push(opened);
      return opened;
    },
    reportError: (error) => browser.errors.push(error),
    screenX: 0, screenY: 0, outerWidth: 1280, outerHeight: 900,
    addEventListener: (...all) => events.addEventListener(...all),
    removeEventListener: (...all) => events.removeEventListener(...all),
    dispatchEvent: (event) => events.dispatchEvent(event),
    setTimeout(work, after, every) {
      const timer = { work, at: now + after, every };
      timers.push(timer);
      return timer;
    },
    setInterval: (work, every) => globals.setTimeout(work, every, every),
    clearTimeout: (timer) => { timers = timers.filter((each) => each !== timer); },
    clearInterval: (timer) => globals.clearTimeout(timer),
  };
  globals.window = globals;
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  /** Lets time pass, and whatever is due. */
  browser.wait = async (milliseconds) => {
    const end = now + milliseconds;
    for (;;) {
      const due = timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!due) break;
      now = due.at;
      if (due.every) due.at += due.every;
      else globals.clearTimeout(due);
      due.work();
      await settled();
    }
    now = end;
  };
  browser.timers = () => timers.length;
  browser.find = (name) => browser.elements.findLast((each) => each.name === name);
  /** A button that is on the screen, by its accessible name. */
  browser.button = (label) => browser.elements.findLast((each) =>
    each.name === 'button' && (each.attributes['aria-label'] ?? each.children[0]) === label
    && browser.find('div') && browser.elements.some(({ children }) => children.includes(each)));
  return browser;
}
