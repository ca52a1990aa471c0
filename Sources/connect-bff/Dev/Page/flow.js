// One Connect session on the screen: sends the customer's answers, draws what Connect says next.
//
// The browser's history. A flow is one entry, above that of the page it was opened from, whatever the number of its
// screens: `[home, flow]`. The back button therefore leads to home's entry, and we take it as the BACK of the screen,
// standing on the flow's entry again at once. So it does what a customer means by it, the history never grows with the
// screens, and it never holds a state that Connect has left. A reload asks Connect for the current screen, which is
// what `session_start` is for, and sends nothing again.

import { button, failureBox, h, icon, spinner } from '/page/kit.js';
import { anyScreen, labelOf, screens } from '/page/screens.js';
import { connect, fatal, Failure } from '/page/service.js';

export class Flow {
  /**
   * @param token the connect token
   * @param root the element to draw in
   * @param show draws a screen: `show(name, title, nodes)`
   * @param home called when the flow is left without a redirect
   */
  constructor({ token, root, show, home }) {
    Object.assign(this, { token, root, show, home, page: undefined, isBusy: false });
  }

  start() { return this.send({ route: 'session_start' }); }

  /** The browser's back button. */
  back() {
    if (this.isBusy) return;
    if (this.page?.actions?.includes('BACK')) this.send({ route: this.page.route, action: 'BACK' });
    else this.home();
  }

  /** Every page takes CLOSE, advertised or not; should one ever refuse it, the customer leaves all the same. */
  close() {
    if (!this.page) return this.home();
    return this.send({ route: this.page.route, action: 'CLOSE' }, { orElse: () => this.home() });
  }

  /** Sends one step, and nothing else until it is answered. */
  async send(step, { orElse } = {}) {
    if (this.isBusy) return;
    this.busy(true);
    try {
      this.take(await connect(this.token, step));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.busy(false);
      if (error.code === 'route_invalid' && step.route !== 'session_start') {
        // Connect is on another page: an answer was lost, or another tab was faster. Its page is the true one.
        return this.start();
      }
      if (error.isRefusal && orElse) return orElse();
      this.complain(error, step);
    }
  }

  take(page) {
    const redirect = page.data?.redirect_url ?? page.data?.callback_url ?? page.data?.callback_uri;
    if ((page.route === 'session_redirect' || page.route === 'session_complete') && redirect) {
      // Stays busy: the browser is on its way.
      return this.leave(redirect);
    }
    this.busy(false);
    this.page = page;
    this.draw(page);
  }

  /** The end of a flow takes the place of its entry; a provider's login comes above it, to be left by going back. */
  leave(url) {
    if (!url.startsWith(`${location.origin}/`)) return location.assign(url);
    if (history.state?.view !== 'flow') return location.replace(url);
    this.isLeaving = true;
    addEventListener('popstate', () => location.replace(url), { once: true });
    history.back();
  }

  draw(page) {
    const go = {
      submit: (data) => this.send({ route: page.route, data }),
      act: (action) => (action === 'CLOSE' ? this.close() : this.send({ route: page.route, action })),
      skip: () => this.send({ route: page.route }),
      look: () => this.start(),
      home: () => this.home(),
    };
    const screen = (screens[page.route] ?? anyScreen)(page, go);
    const handled = new Set(['BACK', 'CLOSE', ...screen.actions ?? []]);
    const others = (page.actions ?? []).filter((action) => !handled.has(action));
    this.frame(page.route, screen, [
      screen.content,
      others.length > 0 && h('div', { class: 'others' }, others.map((action, index) =>
        button(labelOf(action), () => this.press(action, go),
          action === 'DISCONNECT' ? 'danger' : index === 0 && screen.content.length === 0 ? 'primary' : 'secondary'))),
    ]);
  }

  async press(action, go) {
    if (action === 'DISCONNECT' && !await confirmed('Disconnect this tariff?',
      'Your prices will no longer be known to this app.', 'Disconnect')) return;
    const before = this.page;
    await go.act(action);
    if (action.startsWith('WRONG_TARIFF') && this.page !== before && this.page.route === before.route) {
      this.say(h('div', { class: 'alert note', role: 'status', tabindex: -1 },
        h('p', {}, 'Thank you. We have been told and will look into it.')));
    }
  }

  frame(name, screen, content) {
    const canGoBack = !this.page || this.page.actions?.includes('BACK');
    this.controls = h('fieldset', { class: 'frame' },
      h('div', { class: 'top' },
        canGoBack && h('button', { type: 'button', class: 'round', 'aria-label': 'Back', onclick: () => this.back() }, icon('back')),
        h('button', { type: 'button', class: 'round end', 'aria-label': 'Close', onclick: () => this.close() }, icon('close'))),
      h('h1', { tabindex: -1 }, screen.title),
      screen.lead && h('p', { class: 'lead' }, screen.lead),
      this.notice = h('div', { class: 'notice' }),
      content);
    this.spinner = spinner();
    this.show(name, screen.title, [h('div', { class: 'card flow' }, this.controls, this.spinner.element)]);
  }

  // MARK: - While a call runs, and when it fails

  /** No second press while a call runs; something turns when it takes long. */
  busy(isBusy) {
    this.isBusy = isBusy;
    if (isBusy && !this.controls) this.frame('starting', { title: 'One moment' }, []);
    this.spinner.turn(isBusy);
    this.controls.disabled = isBusy;
    this.controls.setAttribute('aria-busy', isBusy);
  }

  complain(error, step) {
    if (fatal.has(error.code)) {
      this.frame('session_over', {
        title: 'This session is over', lead: 'It was finished, or its time ran out. Please start again.',
      }, [button('Start again', () => this.home(), 'primary')]);
      return this.notice.replaceChildren(failureBox(error));
    }
    this.say(failureBox(error, () => this.send(step)));
    // The field that was not accepted: codes begin with its name, such as post_code_missing.
    const refused = error.isRefusal && [...this.controls.elements]
      .find((each) => each.name && each.matches('input, select') && error.code.startsWith(each.name));
    if (refused) {
      refused.setAttribute('aria-invalid', 'true');
      refused.addEventListener('input', () => refused.removeAttribute('aria-invalid'), { once: true });
      refused.focus();
    }
  }

  /** Puts something under the heading, and the focus on it. */
  say(box) {
    this.notice.replaceChildren(box);
    box.focus();
  }
}

/** Asks before something is lost. */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' },
      h('form', { method: 'dialog' }, h('h2', { id: 'dialog-title' }, title), h('p', {}, text),
        h('div', { class: 'row' },
          h('button', { value: '', class: 'secondary', autofocus: true }, 'Keep it'),
          h('button', { value: 'yes', class: 'danger' }, action))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
