// The frame around the screens of a session: ways out, a heading, notices, and what shows that a call runs.

import { h, icon, spinner } from './kit.js';
import { show } from './stage.js';
import { t } from './text.js';

const roundButton = (name, label, onclick, side = '') =>
  h('button', { type: 'button', class: `round ${side}`.trim(), 'aria-label': label, onclick }, icon(name));

/** Whoever extends it has `back` and `close`. */
export class Frame {
  isBusy = false;
  /** The part of the screen that is disabled while a call runs; undefined where another kind of screen is up. */
  controls;

  /** Puts a screen up. */
  frame(name, { title, lead }, content, { canGoBack = true } = {}) {
    this.controls = h('fieldset', { class: 'frame' },
      h('h1', { tabindex: -1 }, title),
      lead && h('p', { class: 'lead' }, lead),
      this.notice = h('div', { class: 'notice' }),
      content);
    this.spinner?.turn(false);
    this.spinner = spinner();
    show(name, title, [h('div', { class: 'card flow' },
      // Outside of what is disabled while a call runs: a customer can always leave.
      h('div', { class: 'top' },
        canGoBack && roundButton('back', t('back'), () => this.back()),
        roundButton('close', t('close'), () => this.close(), 'end')),
      this.controls, this.spinner.element)]);
  }

  /** No second press while a call runs; something turns when it takes long. */
  busy(isBusy) {
    const wasBusy = this.isBusy;
    this.isBusy = isBusy;
    if (this.controls ? wasBusy === isBusy : !isBusy) return;
    if (!this.controls) this.frame('starting', { title: t('moment') }, []);
    // A control that is disabled loses the focus, which would begin at the top of the document again.
    if (isBusy) this.focused = document.activeElement;
    this.spinner.turn(isBusy);
    this.controls.disabled = isBusy;
    this.controls.setAttribute('aria-busy', String(isBusy));
    if (!isBusy && this.focused?.isConnected) this.focused.focus();
  }

  /** Puts something under the heading, and the focus on it. */
  say(box) {
    this.notice.replaceChildren(box);
    box.focus();
  }

  /** Says that a report has arrived, or is withdrawn, where an action is one. */
  thankFor(action) {
    if (action === 'CANCEL_ISSUE_REPORT') this.sayNote(t('report.withdrawn'));
    else if (action.startsWith('WRONG_TARIFF') || action.endsWith('_ISSUE_REPORT')) this.sayNote(t('report.thanks'));
  }

  sayNote(text) {
    this.say(h('div', { class: 'alert note', role: 'status', tabindex: -1 }, h('p', {}, text)));
  }
}
