// The login at a provider: a button that leads there, and the wait for its end.
//
// Providers refuse to be framed, may cut the ties between windows (COOP), and a frame's storage can be a partition of
// its own. So a frame opens `connect/popup` in a window of its own, hands the token over to that document once, and
// from then on depends on nothing but Connect, which it asks until the session has moved on.

import { button } from './kit.js';
import { asksForLogin, classify, redirectOf } from './rules.js';
import { callbackURL, connect, Failure, isOver, pageURL, popupURL, ticketFor } from './service.js';
import { t } from './text.js';

/** How often Connect is asked while the customer is at the provider, in milliseconds. */
const pollInterval = 3000;
/** How long the window may take to report, and how long while it is still seen to load, in milliseconds. */
const reportTimeout = 3000;
const loadTimeout = 10_000;
/** How long the opener may take to leave for the page, where windows are blocked, in milliseconds. */
const redirectTimeout = 5000;

const features = 'popup,width=520,height=760';

export class ProviderLogin {
  #popup;
  #timers = new Set();
  #interval;
  /** When Connect may be asked again, by `performance.now()`. */
  #nextPoll = 0;
  #isPolling = false;
  #isStopped = false;

  /**
   * @param flow which draws, and takes over when Connect has moved on
   * @param url of the login
   * @param provider its name
   * @param needsWindow whether the login opens in a window of its own
   */
  constructor({ flow, url, provider, needsWindow }) {
    Object.assign(this, { flow, url, provider, needsWindow });
    /** The page before the login: as long as Connect shows it, the login is not over. */
    this.before = flow.page?.route;
    this.onMessage = (event) => this.#hand(event);
    // A document that is not seen asks when it is.
    this.onReturn = () => { if (!document.hidden && performance.now() >= this.#nextPoll) this.#poll(); };
  }

  /** The button that leads to the login: browsers open a window for a click alone. */
  offer() {
    const { provider } = this;
    this.flow.frame('provider_login', {
      title: t('login.title', { provider }), lead: t(this.needsWindow ? 'login.lead' : 'login.lead_here', { provider }),
    }, [button(t('login.go', { provider }), () => this.#open(), 'primary')]);
  }

  /** Asks no more. The window is closed where it still can be. */
  stop() {
    this.#isStopped = true;
    this.#popup?.close();
    for (const timer of this.#timers) clearTimeout(timer);
    clearInterval(this.#interval);
    removeEventListener('message', this.onMessage);
    removeEventListener('focus', this.onReturn);
    document.removeEventListener('visibilitychange', this.onReturn);
  }

  #after(delay, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delay);
    this.#timers.add(timer);
  }

  #open() {
    if (!this.needsWindow) {
      if (/^https?:/.test(this.url)) {
        this.flow.depart(this.url, () => this.offer());
        return;
      }
      // A deep link leaves this document where it is.
      this.#wait();
      location.assign(this.url);
      return;
    }
    this.#popup?.close();
    addEventListener('message', this.onMessage);
    this.#popup = window.open(popupURL, '_blank', features);
    if (!this.#popup) {
      this.#goOnAbove();
      return;
    }
    this.#wait();
    const opened = this.#popup;
    const start = performance.now();
    const check = () => {
      if (opened !== this.#popup || this.hasReported) return;
      // A slow connection is no blocked window: what still loads is a document of this origin.
      if (isLoading(opened) && performance.now() - start < loadTimeout) this.#after(500, check);
      // The customer may have closed it: the screen has a button for either way.
      else if (opened.closed) this.#wait({ hasOther: true });
      else this.#goOnAbove();
    };
    this.hasReported = false;
    this.#after(reportTimeout, check);
  }

  /** Gives the login to the window that this document opened, once it asks for it. */
  #hand(event) {
    if (!asksForLogin(event, { popup: this.#popup, origin: location.origin }) || this.hasReported) return;
    this.hasReported = true;
    event.source.postMessage({
      type: 'connect-bff:login', token: this.flow.token, url: this.url, language: document.documentElement.lang,
    }, location.origin);
  }

  // MARK: - While the customer is there

  #wait({ hasOther = false } = {}) {
    const { provider } = this;
    this.flow.frame('provider_wait', {
      title: t('login.waiting', { provider }), lead: t('login.waiting_lead'),
    }, [
      button(t('login.done'), () => this.#poll({ isAsked: true }), 'primary'),
      button(t('login.again'), () => this.#open(), 'secondary'),
      hasOther && this.flow.bridge.isFramed && !this.flow.tab && button(t('login.above'), () => this.#goOnAbove(), 'quiet'),
    ]);
    if (this.#interval) return;
    this.#interval = setInterval(this.onReturn, pollInterval);
    addEventListener('focus', this.onReturn);
    document.addEventListener('visibilitychange', this.onReturn);
  }

  /**
   * Asks Connect whether the login is over.
   *
   * @param isAsked whether the customer wants to know
   */
  async #poll({ isAsked = false } = {}) {
    const { flow } = this;
    if (this.#isPolling || this.#isStopped || flow.isBusy) return;
    this.#isPolling = true;
    const asked = flow.current;
    if (isAsked) flow.busy(true);
    let page;
    let failure;
    try {
      page = await connect(flow.token, asked);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure = error;
    }
    this.#isPolling = false;
    if (this.#isStopped) return;
    if (isAsked) flow.busy(false);
    // A call of the customer's own is faster, and its answer newer.
    if (flow.isBusy) return;
    if (failure) this.#nextPoll = performance.now() + failure.retryAfter * 1000;
    if (failure && (isAsked || isOver(failure))) flow.fail(failure, asked);
    else if (page && !this.#isBefore(page)) flow.take(page, asked);
    else if (isAsked) flow.sayNote(t('login.not_yet', { provider: this.provider }));
  }

  /** Whether Connect still waits for the login. */
  #isBefore(page) {
    const redirect = redirectOf(page);
    if (redirect === undefined) return page.route === this.before;
    return classify(redirect, { callback: callbackURL, page: location.href }).kind !== 'end';
  }

  // MARK: - Where windows are blocked

  /** Hands the session over to a document of its own in place of the app's page. */
  async #goOnAbove() {
    const { flow } = this;
    this.#popup?.close();
    // A session that confirms stays with the document that opened its launch URL.
    if ((!flow.bridge.isFramed && !flow.bridge.isEmbedded) || flow.tab) {
      this.offer();
      flow.sayNote(t('login.blocked_here'));
      return;
    }
    flow.sayNote(t('login.blocked'));
    flow.busy(true);
    try {
      const url = new URL(pageURL);
      url.searchParams.set('lang', document.documentElement.lang);
      url.hash = `ticket=${await ticketFor(flow.token)}&handed=1`;
      await flow.trail.leave();
      flow.bridge.redirect(url.href);
      // A window of the app's (`popup`) has nothing more to show.
      if (!flow.bridge.isFramed) this.#after(500, () => window.close());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      flow.busy(false);
      flow.complain(error, flow.current);
      return;
    }
    this.#after(redirectTimeout, () => {
      flow.busy(false);
      flow.trail.enter();
      this.offer();
      flow.sayNote(t('login.blocked_here'));
    });
  }
}

/** Whether a window still shows a document of this origin, or none yet. */
function isLoading(opened) {
  try {
    return !opened.closed && typeof opened.location.href === 'string';
  } catch {
    return false;
  }
}
