// One Connect session on the screen: sends the customer's answers, draws what Connect says next, and brings the
// customer to a provider's login and back to the app.

import { showFailure } from './failure.js';
import { Frame } from './frame.js';
import { button, failureBox, h, nameOf, refusedField } from './kit.js';
import { classify, hasBack, isResult, isStart, redirectOf, resumes, startOf } from './rules.js';
import { anyScreen, labelOf, screens } from './screens.js';
import {
  callbackOf, callbackURL, connect, Failure, inLanguage, isOver, loaded, outcome, persist, wayBack,
} from './service.js';
import { config, confirmed, showEnded, showPlain } from './stage.js';
import { t } from './text.js';

/** How long a browser may take to leave for another address before the page offers to try again, in milliseconds. */
const departure = 10_000;
/** How long an opener waits for the end that it asked for, less the time of the message, in milliseconds. */
const closeTimeout = 1500;
/** How long it waits where the end has a code, without which the session would be lost. */
const confirmedCloseTimeout = 7500;

export class Flow extends Frame {
  /**
   * @param memory of the tab, with the token of the session
   * @param bridge to what opened the page
   * @param trail of the history
   */
  constructor({ memory, bridge, trail }) {
    super();
    const { token, session } = memory.values;
    Object.assign(this, { memory, bridge, trail, token, session, page: undefined, login: undefined });
    this.isFinished = this.wantsClose = this.hasMoved = this.hasShownResult = false;
    this.isHanded = memory.values.handed !== undefined;
    /** The tab's key, where the end of the session needs it. */
    this.tab = memory.values.confirms && memory.tabKey();
    /** Whether Connect has answered: the document that handed a session over has started it. */
    this.isStarted = memory.values.started !== undefined || this.isHanded;
    memory.write({ handed: undefined });
  }

  get current() { return startOf(config.version, this.isStarted); }

  start() {
    this.trail.enter();
    return this.send(this.current);
  }

  /** Out of the browser's cache: Connect may have left what is shown. */
  resume() {
    clearTimeout(this.departing);
    if (this.isFinished) return;
    this.busy(false);
    this.start();
  }

  /** The back button of the browser, or the arrow on the screen. */
  back() {
    if (this.isBusy || this.isFinished) return;
    if (this.login) this.leaveLogin();
    else if (this.page && hasBack(this.page)) this.send({ route: this.page.route, action: 'BACK' });
    else this.close();
  }

  /**
   * Every page takes CLOSE, advertised or not; should one ever refuse it, the customer leaves all the same. In a dialog
   * the second time does, even if nothing answers.
   */
  close() {
    if (this.isReporting || this.hasFailedToClose) this.leave();
    else if (this.isFinished) return;
    else if (!this.page) this.finish();
    // After the call that runs.
    else if (this.isBusy) this.wantsClose = true;
    else this.send({ route: this.page.route, action: 'CLOSE' }, { orElse: () => this.finish() });
  }

  /** The opener asks for the end, and does not wait long for it. */
  closeSoon() {
    const timeout = this.tab ? confirmedCloseTimeout : closeTimeout;
    setTimeout(() => this.bridge.finish('close', { session: this.session }), timeout);
    if (this.tab) {
      this.bridge.holdOn();
      // The end that is on its way has the code.
      if (this.isReporting) return;
    }
    this.close();
  }

  /**
   * Sends one step, and nothing else until it is answered.
   *
   * @param orElse called where Connect refuses the step
   * @param take called with the answer and the step, while still busy
   */
  async send(step, { orElse, take = this.take.bind(this) } = {}) {
    if (this.isBusy || this.isFinished) return;
    this.busy(true);
    let page;
    try {
      page = await connect(this.token, step);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (this.isFinished) return;
      this.busy(false);
      if (!this.takeClose()) this.fail(error, step, orElse);
      return;
    }
    this.isStarted = true;
    if (resumes(config.version)) this.memory.write({ started: '1' });
    if (this.isFinished) return;
    if (this.wantsClose && redirectOf(page) === undefined) {
      this.busy(false);
      this.page = page;
      this.hasShownResult ||= isResult(page);
      this.takeClose();
      return;
    }
    await take(page, step);
  }

  /** Closes now, if that was asked for while a call ran. */
  takeClose() {
    if (!this.wantsClose) return false;
    this.wantsClose = false;
    this.close();
    return true;
  }

  fail(failure, step, orElse) {
    if ((failure.isRefusal || isOver(failure)) && orElse) {
      orElse();
    } else if (failure.code === 'route_invalid' && step.route !== 'session_start') {
      // Connect is on another page: an answer was lost, or another window was faster. Its page is the true one.
      if (isStart(step)) this.isStarted = false;
      else this.hasMoved = true;
      this.start();
    } else if (!this.page || isOver(failure)) {
      this.stopLogin();
      this.page = undefined;
      this.giveUp(failure, () => this.send(step));
    } else {
      this.hasFailedToClose = step.action === 'CLOSE' && this.bridge.isFollowed;
      this.complain(failure, step, orElse);
    }
  }

  /** A failure with nothing behind it that would be lost. */
  async giveUp(failure, again) {
    await this.bridge.settled();
    if (this.isBusy || this.isFinished) return;
    this.controls = undefined;
    showFailure(failure, { again, ways: this.waysFrom(failure) });
  }

  /** What `load` makes of a module; one that does not arrive is only asked for again by a document that is new. */
  async withModule(load, act) {
    this.busy(true);
    let made;
    let failure;
    try {
      made = await load();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure = error;
    }
    this.busy(false);
    if (this.isFinished) return;
    if (failure) {
      this.page = undefined;
      await this.giveUp(failure, () => location.reload());
    } else {
      act(made);
    }
  }

  /** The way back to the app: by the callback, where the service can be reached and knows the session. */
  waysFrom({ code }) {
    const isAway = ['offline', 'unreachable', 'timed_out', 'connect_token_unknown'].includes(code);
    if (isAway) return this.bridge.isFollowed ? [[t('app.back'), () => this.leave()]] : [];
    return [[t('app.back'), () => this.finish()]];
  }

  complain(failure, step, orElse) {
    const again = () => (failure.isLost && !isStart(step) && step.action !== 'CLOSE'
      ? this.repeat(step) : this.send(step, { orElse }));
    const field = failure.isRefusal ? refusedField(this.controls.elements, failure) : undefined;
    this.say(failureBox(failure, again));
    field?.focus();
  }

  /** Sends a step whose answer was lost, unless Connect has taken it. */
  repeat(step) {
    return this.send(this.current, {
      take: (page, asked) => {
        if (page.route !== step.route) return this.take(page, asked);
        this.busy(false);
        return this.send(step);
      },
    });
  }

  // MARK: - What Connect says next

  async take(page, step) {
    const redirect = redirectOf(page);
    if (redirect !== undefined) return this.follow(redirect, step);
    const go = this.goFrom(page);
    await this.withModule(() => screenOf(page, go), (screen) => {
      this.stopLogin();
      this.page = page;
      this.hasShownResult ||= isResult(page);
      if (this.takeClose()) return;
      this.draw(page, screen, go);
      this.bridge.screen(page.route);
      if (this.hasMoved) this.sayNote(t('moved.note'));
      else if (this.isHanded && page.route === 'provider_select') this.sayNote(t('login.here'));
      this.hasMoved = this.isHanded = false;
    });
  }

  async follow(redirect, step) {
    const target = classify(redirect, addresses());
    if (target.kind === 'end') {
      await this.finish(target.url);
    } else if (target.kind === 'refused') {
      this.busy(false);
      this.fail(new Failure('redirect_refused'), step);
    } else {
      await this.logIn(target, step);
    }
  }

  /** The ways on from a page. */
  goFrom({ route }) {
    return {
      submit: (data) => this.send({ route, data }),
      act: (action) => (action === 'CLOSE' ? this.close() : this.send({ route, action })),
      skip: () => this.send({ route }),
      look: () => this.start(),
      home: () => this.finish(),
    };
  }

  draw(page, screen, go) {
    const handled = new Set(['BACK', 'CLOSE', ...screen.actions ?? []]);
    const others = (page.actions ?? []).filter((action) => !handled.has(action));
    this.frame(page.route, screen, [
      screen.content,
      others.length > 0 && h('div', { class: 'others' }, others.map((action, index) =>
        button(labelOf(action), () => this.press(action, go),
          action === 'DISCONNECT' ? 'danger' : index === 0 && screen.content.length === 0 ? 'primary' : 'secondary'))),
    ], { canGoBack: hasBack(page) });
  }

  async press(action, go) {
    if (action === 'DISCONNECT' && !await confirmed()) return;
    const before = this.page;
    await go.act(action);
    const isSame = this.page !== before && this.page?.route === before.route;
    if (isSame) this.thankFor(action);
  }

  // MARK: - A provider's login

  async logIn(target, step) {
    const chosen = step.data?.provider?.id;
    const provider = this.page?.data.providers?.find?.(({ id }) => id === chosen) ?? this.page?.data.provider;
    await this.bridge.settled();
    // Providers refuse to be framed. And without storage, this document is all that holds the token.
    const needsWindow = this.bridge.isFramed || this.bridge.isEmbedded || !this.memory.isKept;
    // After a start the customer has just come back from there, by the back button perhaps: the next click decides.
    const isAsked = !isStart(step) || this.isHanded;
    this.isHanded = false;
    const offer = () => this.withModule(() => loaded(import('./provider.js')), ({ ProviderLogin }) => {
      this.stopLogin();
      this.login = new ProviderLogin({
        flow: this, url: target.url, provider: nameOf(provider) || t('login.provider'), needsWindow,
      });
      this.login.offer();
    });
    if (isAsked && !needsWindow && target.kind === 'login') this.depart(target.url, offer);
    else await offer();
  }

  /** From the login to the screen that led there. */
  leaveLogin() {
    this.stopLogin();
    this.send(this.current, {
      take: (page, asked) => {
        if (redirectOf(page) === undefined || classify(redirectOf(page), addresses()).kind === 'end') {
          return this.take(page, asked);
        }
        this.busy(false);
        return this.send({ route: page.route, action: 'BACK' }, { orElse: () => this.close() });
      },
    });
  }

  stopLogin() {
    this.login?.stop();
    this.login = undefined;
  }

  /** Leaves for another address, above this entry of the history. */
  depart(url, orElse) {
    this.busy(true);
    // Or the provider could lead the page that opened this one, which is the app's, to an address of its choice. Nothing
    // here needs that page: one that does is connect.js, which follows this document over a port.
    if (!this.bridge.isEmbedded) window.opener = null;
    location.assign(url);
    this.departing = setTimeout(() => {
      this.busy(false);
      orElse();
    }, departure);
  }

  // MARK: - The end

  /** Brings the customer back to the app: through the opener or the shell, or by the callback's redirect. */
  async finish(callback = callbackOf(this.token)) {
    if (this.isFinished) return;
    this.isFinished = true;
    this.stopLogin();
    this.busy(true);
    await this.bridge.settled();
    if (this.bridge.isFollowed) {
      this.isReporting = true;
      const end = await this.ending(callback, [[t('app.leave'), () => this.leave()]]);
      if (end) await this.over('end', end);
      return;
    }
    // A redirect of the callback's proves nothing: the document asks for the code and takes it along.
    const address = inLanguage(callback);
    const end = this.tab ? await this.ending(callback, [[t('app.back'), () => this.goBack(address)]]) : {};
    if (end) await this.goBack(end.url ?? address, address);
  }

  /** Goes to the app's address, and leaves a way there in this place of the history. */
  async goBack(url, callback = url) {
    this.isFinished = true;
    this.memory.begin({ ended: callback, confirms: this.tab && '1' });
    await this.trail.leave();
    location.replace(url);
    setTimeout(() => showEnded(() => wayBack(callback, this.tab)), departure);
  }

  /**
   * How the session ended, asked of the callback; undefined where that failed, which is on the screen then.
   *
   * @param ways on from there
   */
  async ending(callback, ways) {
    try {
      return await persist(() => outcome(callback, this.tab, this.hasShownResult));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (this.isOver) return undefined;
      this.isFinished = this.isReporting = false;
      this.busy(false);
      this.controls = this.page = undefined;
      // No other call has an answer for such a session.
      if (isOver(error)) {
        showFailure(error, { ways: [[t('app.back'), () => this.leave()]] });
        return;
      }
      const { requestId, retryAfter } = error;
      showFailure(new Failure('finish', { requestId, retryAfter: String(retryAfter) }), {
        again: () => this.finish(callback), ways,
      });
      return undefined;
    }
  }

  /** Leaves a session to the app as it is. */
  leave() { return this.over('close', { session: this.session }); }

  async over(type, end) {
    if (this.isOver) return;
    this.isFinished = this.isOver = true;
    // A code can be late, or be lost on its way, as can the end itself: this tab may ask again.
    this.memory.begin(this.tab ? { ended: inLanguage(callbackOf(this.token)), confirms: '1' } : {});
    await this.trail.leave();
    this.bridge.finish(type, end);
    showPlain('done', { title: t('done.title'), lead: t('done.lead') });
  }
}

/** What redirects are compared with. */
const addresses = () => ({ callback: callbackURL, page: location.href });

/** A page that its screen cannot draw is shown as one without a screen, rather than not at all. */
async function screenOf(page, go) {
  const entry = Object.hasOwn(screens, page.route) ? screens[page.route] : anyScreen;
  // Most customers never see some of the screens: these are loaded when they are needed.
  const draw = entry.load ? (await loaded(entry.load()))[entry.name] : entry;
  try {
    return draw(page, go);
  } catch (error) {
    reportError(error);
    return anyScreen(page, go);
  }
}
