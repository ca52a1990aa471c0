// @ts-self-types="./connect.d.ts"
// Opens the hosted Connect page. Its manual is docs/connect-page.md.
//
// Nothing of the launch URL is stored, sent or put into an attribute, which recorders of sessions would copy.

/** How long the page may take to report before the customer is offered another way, in milliseconds. */
const readyTimeout = 15_000;
/** How long after its report the page's own `load` may come, in milliseconds. */
const loadTimeout = 10_000;
/** How long the page may take to end the session once it was asked to, in milliseconds. */
const closeTimeout = 2_000;
/** How long where the page asks for the time, because the end has a code, in milliseconds. */
const endTimeout = 8_000;
/** How often a popup is looked at, which does not say when it is closed, in milliseconds. */
const popupInterval = 300;

const nothing = { session: null, status: null };

/** The session that is open. */
let current;

export async function open({ launchUrl, mode = 'modal', onEvent, title, closeLabel, signal } = {}) {
  if (!['modal', 'popup', 'redirect'].includes(mode)) {
    throw new TypeError('connect.open: mode is "modal", "popup" or "redirect".');
  }
  // A string is checked before anything is shown.
  const launch = typeof launchUrl?.then === 'function' ? launchUrl : addressOf(launchUrl);
  signal?.throwIfAborted();
  if (current?.isGone()) current.end();
  if (current) {
    current.focus();
    throw new DOMException('connect.open: a session is already open.', 'InvalidStateError');
  }
  const emit = (event) => {
    try {
      onEvent?.(event);
    } catch (error) {
      // The listener's own mistake: the session goes on.
      reportError(error);
    }
  };
  const words = wordsFor([launch.searchParams?.get('lang'), document.documentElement.lang, ...navigator.languages ?? []]);
  title ??= words.title;
  closeLabel ??= words.close;
  let surface;
  if (mode === 'modal' && canBeModal()) surface = modal(words, title, closeLabel);
  if (mode === 'popup') {
    // While the browser still sees the click.
    surface = popup(title);
    if (!surface) emit({ type: 'error', code: 'popup_blocked' });
  }
  return surface ? follow(surface, launch, emit, signal) : redirect(launch, emit, signal);
}

export function resume() {
  const url = new URL(location.href);
  // As the callback writes them: together, in this order.
  const found = /(^\?|&)session=([\w-]+)&status=([a-z_]+)(?:&code=([\w-]{22}))?(&|$)/.exec(url.search);
  if (!found) return null;
  const [text, before, session, status, code, after] = found;
  url.search = url.search.replace(text, () => (after ? before : ''));
  history.replaceState(history.state, '', url);
  return { session, status, ...code && { code } };
}

/** The launch URL, if it is of the hosted page beside this script. No message quotes it. */
function addressOf(launchUrl) {
  let url;
  try {
    url = new URL(launchUrl);
  } catch {
    // Said below.
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new TypeError('connect.open: launchUrl is not an http(s) address. Pass the launch_url of the mint.');
  }
  const page = new URL('connect', import.meta.url);
  if (url.origin !== page.origin || url.username || url.password) {
    throw new TypeError(`connect.open: launchUrl is of ${url.origin}, and connect.js was loaded from ${page.origin}.`);
  }
  if (url.pathname !== page.pathname) {
    throw new TypeError(`connect.open: launchUrl does not open ${page.href}. Mint for the app "page".`);
  }
  return url;
}

/** Resolves only if the customer comes back to this very document. */
async function redirect(launch, emit, signal) {
  const url = addressOf(await launch);
  signal?.throwIfAborted();
  const isBack = new Promise((resolve) => {
    addEventListener('pageshow', ({ persisted }) => { if (persisted) resolve({ ...nothing }); });
  });
  emit({ type: 'redirect' });
  location.assign(url.href);
  return isBack;
}

/** Follows a session in a dialog or a popup to its end. */
function follow(surface, launch, emit, signal) {
  return new Promise((resolve, reject) => {
    const ports = [];
    let url;
    let greetedAt;
    let readyTimer;
    let closeTimer;

    const stop = () => {
      current = undefined;
      clearTimeout(readyTimer);
      clearTimeout(closeTimer);
      removeEventListener('message', greet);
      signal?.removeEventListener('abort', abort);
      for (const port of ports) port.close();
      surface.dispose();
    };
    const end = (type = 'close', { session, status, code } = nothing) => {
      if (current !== me) return;
      stop();
      const result = { session: textOf(session), status: textOf(status) };
      // Events go to analytics, which get no code.
      emit({ type, ...result });
      resolve(textOf(code) === null ? result : { ...result, code });
    };
    const fail = (error) => {
      if (current !== me) return;
      stop();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    const leave = () => {
      if (!ports.length) return end();
      for (const port of ports) port.postMessage({ type: 'close' });
      closeTimer ??= setTimeout(end, closeTimeout);
    };
    const expect = () => {
      clearTimeout(readyTimer);
      readyTimer = setTimeout(() => {
        emit({ type: 'error', code: 'not_ready' });
        surface.offerTab(() => {
          window.open(url.href, '_blank', 'noopener');
          end();
        });
      }, readyTimeout);
    };
    /** One port for each document of ours in that window: a reload makes a new one. */
    const greet = ({ source, origin, data }) => {
      if (!url || source !== surface.window() || origin !== url.origin || data?.type !== 'connect-bff:ready') return;
      clearTimeout(readyTimer);
      greetedAt = Date.now();
      // The focus goes there before the page puts it on a heading.
      surface.ready();
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data: message }) => take(message);
      ports.push(port1);
      source.postMessage({ type: 'connect-bff:port' }, origin, [port2]);
    };
    /** Another document, maybe an error of the browser's, is in the frame; the first one's own load comes early. */
    const loaded = () => { if (Date.now() - greetedAt > loadTimeout) expect(); };
    const take = (message) => {
      clearTimeout(readyTimer);
      switch (message?.type) {
        case 'open':
          return emit({ type: 'open' });
        case 'screen':
          return typeof message.route === 'string' && emit({ type: 'screen', route: message.route });
        case 'ending':
          if (closeTimer) {
            clearTimeout(closeTimer);
            closeTimer = setTimeout(end, endTimeout);
          }
          return undefined;
        case 'end':
        case 'close':
          return end(message.type, message);
        case 'redirect': {
          let next;
          try {
            next = addressOf(message.url);
          } catch {
            return undefined;
          }
          emit({ type: 'redirect' });
          surface.giveWay();
          return location.assign(next.href);
        }
        default:
          return undefined;
      }
    };

    const me = { end, isGone: surface.isGone, focus: surface.focus };
    current = me;
    addEventListener('message', greet);
    signal?.addEventListener('abort', abort);
    try {
      surface.show({ leave, end, loaded });
    } catch (error) {
      return fail(error);
    }
    Promise.resolve(launch).then((given) => {
      if (current !== me) return;
      url = addressOf(given);
      expect();
      surface.go(url.href);
    }).catch(fail);
  });
}

const textOf = (value) => (typeof value === 'string' ? value : null);

// MARK: - The dialog

const canBeModal = () => 'showModal' in HTMLDialogElement.prototype && 'adoptedStyleSheets' in document;

// A constructed sheet in a shadow root: every content policy allows it, and the app's styles do not reach it.
const css = `
:host { all: initial; display: contents; color-scheme: light dark }
dialog {
  box-sizing: border-box; width: min(460px, 100% - 32px); height: min(760px, 100dvh - 32px); max-width: none;
  max-height: none; margin: auto; padding: 0; overflow: hidden; overscroll-behavior: contain;
  border: 1px solid transparent; border-radius: 20px; background: Canvas; color: CanvasText;
  font: medium/1.5 system-ui, sans-serif
}
dialog[open] { display: grid }
dialog::backdrop { background: rgb(10 20 15 / 50%) }
iframe, .wait { grid-area: 1 / 1; width: 100%; height: 100%; border: 0; box-sizing: border-box }
.wait { display: grid; gap: 16px; place-content: center; place-items: center; padding: 32px; text-align: center }
[hidden] { display: none }
.waiting iframe { opacity: 0; pointer-events: none }
.ring { width: 32px; height: 32px; border-radius: 50%; border: 3px solid; border-top-color: transparent }
p { margin: 0 }
button {
  font: inherit; color: inherit; cursor: pointer; min-height: 44px; padding: 0 20px;
  border: 1px solid; border-radius: 12px; background: none
}
.x { position: absolute; top: 8px; right: 8px; width: 44px; padding: 0; border: 0; font-size: 24px }
.x::before { content: "\\d7" }
@media (max-width: 480px) {
  dialog {
    width: 100%; height: calc(100dvh - 12px - env(safe-area-inset-top)); margin: auto 0 0;
    border-width: 0; border-radius: 20px 20px 0 0; padding-bottom: env(safe-area-inset-bottom)
  }
}
@media (prefers-reduced-motion: no-preference) {
  dialog { animation: rise .2s }
  .ring { animation: turn 1s linear infinite }
  @keyframes rise { from { transform: translateY(24px); opacity: 0 } }
  @keyframes turn { to { rotate: 1turn } }
}`;

function modal(words, title, closeLabel) {
  const host = document.createElement('connect-bff');
  const close = make('button', { type: 'button', class: 'x', 'aria-label': closeLabel, autofocus: '' });
  const status = make('p', { role: 'status' }, words.wait);
  const ring = make('div', { class: 'ring' });
  const tab = make('button', { type: 'button' }, words.tab);
  const waiting = make('div', { class: 'wait' }, close, ring, status);
  // No `src`, and no permission of the app's for the page.
  const frame = make('iframe', { title, allow: '', referrerpolicy: 'no-referrer', tabindex: -1 });
  const dialog = make('dialog', { 'aria-label': title, class: 'waiting' }, waiting, frame);
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  root.append(dialog);
  const { style } = document.documentElement;
  const overflow = style.overflow;

  return {
    window: () => frame.contentWindow,
    isGone: () => !host.isConnected,
    focus: () => frame.focus(),
    show({ leave, end, loaded }) {
      close.onclick = leave;
      frame.onload = loaded;
      // Escape, and the back gesture where it closes dialogs.
      dialog.addEventListener('cancel', (event) => {
        event.preventDefault();
        leave();
      });
      dialog.addEventListener('close', () => end());
      style.overflow = 'hidden';
      document.body.append(host);
      dialog.showModal();
    },
    go: (address) => frame.contentWindow.location.replace(address),
    ready() {
      dialog.className = '';
      frame.removeAttribute('tabindex');
      frame.focus();
      waiting.hidden = true;
    },
    // Firefox forgets what the page keeps for this tab, if this document stays in its cache with the frame.
    giveWay() {
      dialog.className = 'waiting';
      waiting.hidden = false;
      frame.remove();
    },
    offerTab(openTab) {
      dialog.className = 'waiting';
      frame.tabIndex = -1;
      waiting.hidden = false;
      ring.remove();
      status.textContent = words.late;
      tab.onclick = openTab;
      waiting.append(tab);
      close.focus();
    },
    dispose() {
      style.overflow = overflow;
      // Gives the focus back.
      dialog.close();
      host.remove();
    },
  };
}

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// MARK: - The popup

function popup(title) {
  const left = screenX + Math.max(0, outerWidth - 480) / 2;
  const opened = window.open('', '_blank', `popup,width=480,height=800,left=${left}`);
  if (!opened) return undefined;
  opened.document.title = title;
  let timer;
  const dispose = () => {
    clearInterval(timer);
    opened.close();
  };
  return {
    window: () => opened,
    isGone: () => opened.closed,
    focus: () => opened.focus(),
    show({ end }) {
      let wasClosed = false;
      timer = setInterval(() => {
        // At the second look, since what it said last may still be on its way.
        if (wasClosed) end();
        wasClosed = opened.closed;
      }, popupInterval);
    },
    go: (address) => opened.location.replace(address),
    // The popup shows by itself how it is.
    ready() {},
    offerTab() {},
    giveWay: dispose,
    dispose,
  };
}

// MARK: - Words

const texts = {
  en: {
    title: 'Connect your tariff', close: 'Close', wait: 'One moment…',
    late: 'This is taking longer than usual.', tab: 'Open in a new tab',
  },
  de: {
    title: 'Stromtarif verbinden', close: 'Schließen', wait: 'Einen Moment …',
    late: 'Das dauert länger als üblich.', tab: 'In neuem Tab öffnen',
  },
  fr: {
    title: 'Connecter votre contrat d’électricité', close: 'Fermer', wait: 'Un instant…',
    late: 'Cela prend plus de temps que d’habitude.', tab: 'Ouvrir dans un nouvel onglet',
  },
  nl: {
    title: 'Uw energiecontract koppelen', close: 'Sluiten', wait: 'Een ogenblik…',
    late: 'Dit duurt langer dan normaal.', tab: 'Openen in een nieuw tabblad',
  },
};

/** The texts of the first of these languages that there are texts for. */
function wordsFor(languages) {
  const known = languages.map((each) => each?.slice(0, 2).toLowerCase()).find((each) => Object.hasOwn(texts, each ?? ''));
  return texts[known ?? 'en'];
}
