// The way from the page to what opened it: over one MessagePort to connect.js in a page of the app, or by one message
// to the native shell around a web view. Both learn how the session went, and never its token.

import { isClose, portOf } from './rules.js';

/** How long an opener may take to hand its port over before it counts as one without connect.js, in milliseconds. */
const portTimeout = 1500;

export class Bridge {
  #window;
  #origins;
  #isShell;
  #port;
  #settled = Promise.resolve();
  /** The screen that is up. */
  #route;
  #hasOpened = false;
  /** An end is said once, whoever asks for it. */
  #hasEnded = false;

  /**
   * @param window the page's window
   * @param origins which pages may open this one
   * @param isShell whether the mint asked for the message to a native shell
   * @param onClose called when the opener asks to close the session
   */
  constructor({ window, origins, isShell, onClose }) {
    this.onClose = onClose;
    this.#window = window;
    this.#origins = origins;
    this.#isShell = isShell;
  }

  get isFramed() { return this.#window.parent !== this.#window; }

  /** Whether connect.js follows this document. */
  get isEmbedded() { return this.#port !== undefined; }

  get isInShell() { return this.#isShell && shellOf(this.#window) !== undefined; }

  /** Whether something else than this document takes the customer on at the end. */
  get isFollowed() { return this.isEmbedded || this.isInShell; }

  get #opener() { return this.isFramed ? this.#window.parent : this.#window.opener; }

  /** Offers itself to the opener, if it is of a listed origin: what is posted for another origin is not delivered. */
  start() {
    const opener = this.#opener;
    if (!opener || this.#origins.length === 0) return;
    this.#settled = new Promise((resolve) => {
      const take = (event) => {
        const port = portOf(event, { opener, origins: this.#origins });
        if (!port) return;
        // One port, once: whatever else comes is not from the opener that was there first.
        this.#window.removeEventListener('message', take);
        this.#port = port;
        port.onmessage = ({ data }) => { if (isClose(data) && !this.#hasEnded) this.onClose(); };
        if (this.#route) this.screen(this.#route);
        resolve();
      };
      this.#window.addEventListener('message', take);
      this.#window.setTimeout(resolve, portTimeout);
    });
    // Where a browser says what frames this document, no other origin needs a message that is not delivered. To a frame
    // with `referrerpolicy`, as that of connect.js, some browsers say `null`.
    const framing = this.isFramed ? this.#window.location.ancestorOrigins?.[0] ?? 'null' : 'null';
    for (const origin of this.#origins) {
      if (framing === 'null' || framing === origin) opener.postMessage({ type: 'connect-bff:ready' }, origin);
    }
  }

  /** Resolves when it is known whether the page is embedded. */
  settled() { return this.#settled; }

  /** A screen of Connect is up: said at once, or as soon as there is a port. */
  screen(route) {
    this.#route = route;
    if (!this.isEmbedded) return;
    if (!this.#hasOpened) this.#post({ type: 'open' });
    this.#hasOpened = true;
    this.#post({ type: 'screen', route });
  }

  /**
   * The session is over, or was left without an end.
   *
   * @param type `end`, or `close` where Connect did not end the session
   * @returns whether something takes the customer on
   */
  finish(type, { session = null, status = null, code }) {
    if (this.#hasEnded || !this.isFollowed) return this.#hasEnded;
    this.#hasEnded = true;
    const end = { session, status, ...code && { code } };
    this.#post({ type, ...end });
    if (this.isInShell) shellOf(this.#window)(JSON.stringify({ type: 'connect-bff', ...end }));
    return true;
  }

  /** Asks the opener, which wants to close, for the time that the end of the session takes. */
  holdOn() { this.#post({ type: 'ending' }); }

  /** Asks the opener to go to an address of the page in place of its own document. */
  redirect(url) {
    if (this.isEmbedded) this.#post({ type: 'redirect', url });
    // A frame without connect.js: the browser allows this after a click.
    else this.#window.open(url, '_top');
  }

  #post(message) { this.#port?.postMessage(message); }
}

/** Where a web view of a native app takes a text: of iOS, of React Native, of Android; undefined without one. */
export function shellOf(window) {
  const shells = [
    [window.webkit?.messageHandlers?.connectBFF, 'postMessage'],
    [window.ReactNativeWebView, 'postMessage'],
    [window.ConnectBFF, 'postMessage'],
  ];
  const [shell, name] = shells.find(([each, method]) => typeof each?.[method] === 'function') ?? [];
  return shell && ((message) => shell[name](message));
}
