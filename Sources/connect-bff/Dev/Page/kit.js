// Small things that the demo's screens need: elements, which are the hosted page's, questions, money, times, logos.

import { button, h, spinner } from '/connect/assets/current/kit.js';
import { use } from '/connect/assets/current/text.js';

export { button, h, spinner };

// The word of a spinner is the page's, too.
await use('en');

/** What went wrong, its request, and *try again* where that can help: at once, or once the service wants to be asked. */
export function failureBox(error, again) {
  const retry = again && button('Try again', again);
  if (retry && error.retryAfter > 0) {
    retry.disabled = true;
    setTimeout(() => { retry.disabled = false; }, error.retryAfter * 1000);
  }
  return h('div', { class: 'alert error', role: 'alert', tabindex: -1 }, h('p', {}, error.message),
    error.requestId && h('p', { class: 'request' }, 'Request ', h('code', {}, error.requestId)), retry);
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

/** A provider's logo, or the first letter of its name where there is none or it does not load. */
export function logo(provider) {
  const letter = () => h('span', { class: 'logo', 'aria-hidden': 'true' }, (provider?.display_name ?? '?').slice(0, 1));
  let url;
  try { url = new URL(provider.logo_url); } catch { return letter(); }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return letter();
  return h('img', {
    class: 'logo', src: url.href, alt: '', width: 40, height: 40, loading: 'lazy', referrerpolicy: 'no-referrer',
    onerror: (event) => event.currentTarget.replaceWith(letter()),
  });
}

// Money. Flatpeak speaks major units per kWh (0.2345 GBP), customers think in minor ones (23.45 p).

const language = 'en-GB';
const minorUnits = { AUD: 'c', CAD: '¢', CHF: 'Rp.', DKK: 'øre', EUR: 'ct', GBP: 'p', NOK: 'øre', SEK: 'öre', USD: '¢' };

/** In which unit rates of a currency are shown: its name, and how many make one of the currency. */
export function unitOf(currency) {
  const digits = new Intl.NumberFormat(language, { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
  const name = minorUnits[currency];
  return digits > 0 && name ? { name, perMajor: 10 ** digits } : { name: currency, perMajor: 1 };
}

export const perKWh = (currency) => `${unitOf(currency).name} per kWh`;

/** A rate as text, without its unit. */
export const rateText = (major, currency, decimals = 2) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: decimals }).format(major * unitOf(currency).perMajor);

/** An amount of money. */
export const moneyText = (major, currency) => new Intl.NumberFormat(language, { style: 'currency', currency }).format(major);

export const numberText = (value, decimals = 1) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: decimals }).format(value);

// Days and times.

export const dateText = (text) =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(text));

export function clockOfZone(zone) {
  const format = new Intl.DateTimeFormat(language, { timeZone: zone, hour: '2-digit', minute: '2-digit' });
  return (moment) => format.format(moment);
}

/** The calendar day of a moment at a place, as 2026-11-23. */
export const dayIn = (zone, moment) =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(moment);

/** Milliseconds by which the clocks of a place are ahead of UTC. */
function offsetOf(zone, moment) {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric',
    minute: 'numeric', second: 'numeric',
  });
  const part = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  const shown = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return shown - Math.floor(moment / 1000) * 1000;
}

/**
 * The moment at which the clocks of a place show a time.
 * @param day as 2026-11-23
 * @param time as 05:00
 */
export function momentAt(zone, day, time) {
  const shown = Date.parse(`${day}T${time}:00Z`);
  return shown - offsetOf(zone, shown - offsetOf(zone, shown));
}

/** The next moment at which the clocks of a place show a time. */
export function nextMoment(zone, time, after = Date.now()) {
  const days = [0, 1].map((count) => dayIn(zone, after + count * 24 * 3600_000));
  return days.map((day) => momentAt(zone, day, time)).find((moment) => moment > after) ?? momentAt(zone, days[1], time);
}

/** Draws an area anew; tables that were open stay open. */
export function redrawTables(area, nodes) {
  const label = (details) => details.querySelector('summary')?.getAttribute('aria-label');
  const open = new Set([...area.querySelectorAll('details[open]')].map(label));
  area.replaceChildren(...nodes);
  for (const details of area.querySelectorAll('details')) details.open = open.has(label(details));
}
