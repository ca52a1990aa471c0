// The document around the screens: what the service configured, the brand, the footer, and putting a screen up.

import { button, h } from './kit.js';
import { t } from './text.js';

const root = document.getElementById('screen');

/** `{name, logo, support, privacy, origins, languages, version}`, written into the document by the service. */
export const config = JSON.parse(document.getElementById('config').textContent);

/** The name that the document came with. */
const brand = document.title;

/** Shows the brand's logo, and what is the same on every screen. */
export function dress() {
  const moment = document.getElementById('moment');
  if (moment) moment.textContent = t('moment');
  document.querySelector('.late')?.remove();
  if (config.logo) {
    const name = document.getElementById('brand');
    name.prepend(h('img', { src: new URL(config.logo, document.baseURI).href, alt: '', height: 28 }));
  }
  document.getElementById('foot').replaceChildren(...[
    link(config.support, t('help')), link(config.privacy, t('privacy')),
  ].filter(Boolean));
}

function link(address, label) {
  if (!/^(https?|mailto|tel):/.test(address ?? '')) return undefined;
  return h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, label);
}

/** What a longer wait says, on the screen that the document came with. */
export function keepWaiting() {
  const moment = document.getElementById('moment');
  if (moment) moment.textContent = t('moment.long');
}

/**
 * Puts a screen up and moves the focus to its heading, so that a screen reader reads on from there.
 *
 * @param name of the screen, for style sheets and tests
 */
export function show(name, title, nodes) {
  document.title = `${title} – ${brand}`;
  root.dataset.screen = name;
  delete root.dataset.code;
  root.replaceChildren(...nodes);
  scrollTo(0, 0);
  root.querySelector('h1')?.focus();
}

/** A screen that asks nothing: a title, a sentence, and ways on. */
export function showPlain(name, { title, lead, notice }, ways = []) {
  show(name, title, [h('div', { class: 'card flow' }, h('div', { class: 'frame' },
    h('h1', { tabindex: -1 }, title),
    lead && h('p', { class: 'lead' }, lead),
    notice,
    ways.map(([label, go], index) => button(label, go, index === 0 ? 'primary' : 'secondary'))))]);
}

/**
 * What a customer finds who comes back to the entry of a session that is over.
 *
 * @param go resolves with the address of the app
 */
export function showEnded(go) {
  showPlain('ended', { title: t('ended.title'), lead: t('ended.lead') },
    [[t('app.back'), async () => location.replace(await go())]]);
}

/** Asks before a tariff is disconnected. The back button dismisses the question: see page.js. */
export function confirmed() {
  return new Promise((resolve) => {
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' },
      h('form', { method: 'dialog' }, h('h2', { id: 'dialog-title' }, t('disconnect.title')),
        h('p', {}, t('disconnect.lead')),
        h('div', { class: 'row' },
          h('button', { value: '', class: 'secondary', autofocus: true }, t('disconnect.keep')),
          h('button', { value: 'yes', class: 'danger' }, t('disconnect.go')))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
