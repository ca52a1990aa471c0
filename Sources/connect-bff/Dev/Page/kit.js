// Small things that every screen needs: elements, money, times, logos.

/** An element. Text is always text, never markup, so nothing that a server says can become a script. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export const button = (label, onclick, kind = 'secondary') =>
  h('button', { type: 'button', class: kind, onclick }, label);

/** What went wrong, its request, and *try again* where that can help: at once, or once the service wants to be asked. */
export function failureBox(error, again) {
  const retry = again && !error.isRefusal && button('Try again', again);
  if (retry && error.retryAfter > 0) {
    retry.disabled = true;
    setTimeout(() => { retry.disabled = false; }, error.retryAfter * 1000);
  }
  return h('div', { class: 'alert error', role: 'alert', tabindex: -1 }, h('p', {}, error.message),
    error.requestId && h('p', { class: 'request' }, 'Request ', h('code', {}, error.requestId)), retry);
}

/** How long a call may take before anything turns on the screen, in milliseconds. */
const spinnerDelay = 300;

/** Something that turns while a call runs, unless the call is quick. */
export function spinner() {
  const element = h('div', { class: 'spinner', role: 'status' });
  let timer;
  const turn = (isTurning) => {
    clearTimeout(timer);
    element.replaceChildren();
    if (!isTurning) return;
    timer = setTimeout(() => {
      element.replaceChildren(h('span', { class: 'turning', 'aria-hidden': 'true' }), 'Working…');
    }, spinnerDelay);
  };
  return { element, turn };
}

const icons = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  next: 'M9 5l7 7-7 7',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16.5 16.5L21 21',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'icon');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  path.setAttribute('d', icons[name]);
  svg.append(path);
  return svg;
}

let lastId = 0;

/** A labelled input, with a hint under it and a unit behind it. */
export function field(label, input, { hint, unit } = {}) {
  input.id ||= `field-${++lastId}`;
  const describedBy = [];
  if (unit) describedBy.push(`${input.id}-unit`);
  if (hint) describedBy.push(`${input.id}-hint`);
  if (describedBy.length) input.setAttribute('aria-describedby', describedBy.join(' '));
  return h('div', { class: 'field' },
    h('label', { for: input.id }, label),
    unit ? h('div', { class: 'with-unit' }, input, h('span', { id: `${input.id}-unit`, class: 'unit' }, unit)) : input,
    hint && h('p', { id: `${input.id}-hint`, class: 'hint' }, hint));
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

/** An input for a rate; an empty one for zero, because zero is never a rate. */
export function rateInput(name, major, currency, properties = {}) {
  const value = major ? String(Number((major * unitOf(currency).perMajor).toFixed(4))) : '';
  return numberInput(name, value, properties);
}

export const numberInput = (name, value, properties = {}) => h('input', {
  name, value, type: 'text', inputmode: 'decimal', autocomplete: 'off', required: true,
  pattern: '[0-9]{1,6}([.,][0-9]{1,4})?', title: 'A number with up to four decimals, such as 23.45', ...properties,
});

export const numberFrom = (input) => Number(input.value.replace(',', '.'));

/** What an input for a rate holds, in major units and with no more decimals than a rate has. */
export function rateFrom(input, currency) {
  return Number((numberFrom(input) / unitOf(currency).perMajor).toFixed(6));
}

// Days and times.

export const dateText = (text) =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(text));

/** The wall clock of a place, by the offset that its own timestamps carry: `2026-11-23T00:00:00+01:00`. */
export function clockOfOffset(timestamp) {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(timestamp) ?? [null, '+', '0', '0'];
  const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  return (moment) => new Date(moment + offset).toISOString().slice(11, 16);
}

export function clockOfZone(zone) {
  const format = new Intl.DateTimeFormat(language, { timeZone: zone, hour: '2-digit', minute: '2-digit' });
  return (moment) => format.format(moment);
}

/** The calendar day of a moment at a place, as 2026-11-23. */
export const dayIn = (zone, moment) =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(moment);
