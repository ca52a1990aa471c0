// What every screen is made of: elements, buttons, fields with their errors, choices, failures, logos.

import {
  finite, numberText, parseNumber, perKWh, short, toMajor, typedNumber, unitOf,
} from './format.js';
import { errorText, t } from './text.js';

/** An element. Text is always text, never markup, so nothing that a server sends can become a script. */
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

export const button = (label, onclick, kind = 'secondary', properties = {}) =>
  h('button', { type: 'button', class: kind, onclick, ...properties }, label);

const icons = {
  add: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  next: 'M9 5l7 7-7 7',
  remove: 'M5 7h14M10 7V5h4v2M7 7l1 13h8l1-13',
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

// MARK: - While a call runs, and when it fails

/**
 * What went wrong, with the reference that the operator's log knows, and *try again* where that can help: at once, or
 * once the service accepts another call.
 *
 * @param error a `Failure`: `code`, `message`, `requestId`, `retryAfter`, `isRefusal`
 */
export function failureBox(error, again) {
  return h('div', { class: 'alert error', tabindex: -1 },
    h('div', { role: 'alert' }, h('p', {}, errorText(error)),
      error.requestId && h('p', { class: 'reference' }, `${t('reference')} `, h('code', {}, short(error.requestId)))),
    // Outside of the alert, because its countdown is not worth an announcement each second.
    again && !error.isRefusal && retryButton(error.retryAfter, again));
}

function retryButton(seconds, again) {
  const retry = button(t('retry'), again);
  let left = Math.min(Math.ceil(finite(seconds) ?? 0), 3600);
  if (left <= 0) return retry;
  retry.disabled = true;
  const count = () => {
    retry.textContent = left > 0 ? t('retry.in', { count: left }) : t('retry');
    retry.disabled = left > 0;
    if (left > 0) setTimeout(count, 1000);
    left -= 1;
  };
  count();
  return retry;
}

/** How long a call may take before the screen shows that it runs, in milliseconds. */
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
      element.replaceChildren(h('span', { class: 'turning', 'aria-hidden': 'true' }), t('working'));
    }, spinnerDelay);
  };
  return { element, turn };
}

// MARK: - Fields

let lastId = 0;

/** What belongs to an input: the paragraph for its error, and the check that finds one. */
const details = new WeakMap();

/**
 * A labelled input, with a hint and a unit.
 *
 * @param check says what is wrong with the input, in words for the customer; undefined where nothing is
 * @param refusals beginnings of Flatpeak's codes that are about this input; its name where there are none
 */
export function field(label, input, { hint, unit, optional, check, refusals } = {}) {
  input.id ||= `field-${++lastId}`;
  const error = h('p', { id: `${input.id}-error`, class: 'problem', hidden: true });
  const described = [hint && `${input.id}-hint`, unit && `${input.id}-unit`].filter(Boolean).join(' ');
  if (described) input.setAttribute('aria-describedby', described);
  input.setAttribute('aria-invalid', 'false');
  details.set(input, { error, check, described, refusals: refusals ?? [input.getAttribute('name')] });
  input.addEventListener('input', () => { if (isInvalid(input)) validate(input); });
  return h('div', { class: 'field' },
    h('label', { for: input.id }, label, optional && h('span', { class: 'optional' }, ` (${t('optional')})`)),
    hint && h('p', { id: `${input.id}-hint`, class: 'hint' }, hint),
    error,
    unit ? h('div', { class: 'with-unit' }, input, h('span', { id: `${input.id}-unit`, class: 'unit' }, unit)) : input);
}

const isInvalid = (input) => input.getAttribute('aria-invalid') === 'true';

/** Shows an error at an input and ties it to it; none takes it away. */
export function showError(input, text) {
  const { error, described } = details.get(input);
  error.textContent = text ?? '';
  error.hidden = !text;
  input.setAttribute('aria-invalid', String(Boolean(text)));
  const all = [text && error.id, described].filter(Boolean).join(' ');
  if (all) input.setAttribute('aria-describedby', all);
  else input.removeAttribute('aria-describedby');
}

/** Runs the check of an input. */
export function validate(input) {
  const text = input.disabled ? undefined : details.get(input)?.check?.(input);
  showError(input, text);
  return !text;
}

/**
 * Shows a refusal of Connect's at the input that it is about.
 *
 * @param inputs the controls of the screen
 * @returns the input, to be focused; undefined where the error is about none
 */
export function refusedField(inputs, error) {
  const code = String(error.code ?? '');
  const input = [...inputs].find((each) => !each.disabled
    && details.get(each)?.refusals.some((beginning) => beginning && code.startsWith(beginning)));
  if (input) showError(input, errorText(error));
  return input;
}

/** A form that sends what it holds once every field passes; otherwise the focus goes to the first one that does not. */
export function form(send, ...content) {
  return h('form', {
    novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      const wrong = [...event.currentTarget.elements].filter((each) => details.has(each) && !validate(each));
      if (wrong.length > 0) wrong[0].focus();
      else send(event.currentTarget.elements);
    },
  }, content);
}

/** The button that sends a form. */
export const submitButton = () => h('button', { type: 'submit', class: 'primary' }, t('continue'));

/** A check for a field that may not be empty; `code` is Flatpeak's for an empty one. */
export const needed = (code) => (input) => (input.value.trim() === '' ? t(`error.${code}`) : undefined);

/** The most that a rate or a percentage may be; a longer number is a slip of the finger. */
const greatest = 999_999.9999;

export const numberInput = (name, value, properties = {}) => h('input', {
  name, value, type: 'text', inputmode: 'decimal', autocomplete: 'off', required: true, maxlength: 24, ...properties,
});

/** The number in an input; an empty one is zero. */
export const numberFrom = (input) => (input.value.trim() === '' ? 0 : parseNumber(input.value));

/** A check for a number of zero or more; an empty field passes where it is not required. */
export const numberCheck = (code) => (input) => {
  if (input.value.trim() === '' && !input.hasAttribute('required')) return undefined;
  const value = parseNumber(input.value);
  if (Number.isNaN(value) || value > greatest) return t('number.invalid', { example: numberText(23.45) });
  return value < 0 ? t(`error.${code}`) : undefined;
};

/** An input for a rate; an empty one for zero, because a zero from Flatpeak is an empty form. */
export function rateInput(name, major, currency, properties = {}) {
  const value = finite(major);
  const unit = unitOf(currency);
  return numberInput(name, value ? typedNumber(value * unit.perMajor, unit.decimals) : '', properties);
}

/** The rate in an input, in major units and with no more decimals than a rate has. */
export const rateFrom = (input, currency) => toMajor(numberFrom(input), currency);

/**
 * A check for a rate above zero.
 *
 * A rate under one minor unit is most likely in major ones; it passes when the customer sends it a second time.
 */
export function rateCheck(currency) {
  const { name, perMajor } = unitOf(currency);
  const isNumber = numberCheck('cost_value_negative');
  let doubted;
  return (input) => {
    const wrong = isNumber(input);
    const value = numberFrom(input);
    if (wrong) return wrong;
    if (value === 0) return t('error.cost_value_zero');
    if (perMajor === 1 || value >= 1 || doubted === input.value) return undefined;
    doubted = input.value;
    return t('rate.low', { unit: name });
  };
}

/** A field for a rate above zero. */
export const rateField = (label, input, currency, options = {}) =>
  field(label, input, { unit: perKWh(currency), check: rateCheck(currency), ...options });

// MARK: - Choices

/** A list of things to choose from, each one tap; Safari takes a list without bullets for none, unless it has the role. */
export const choices = (label, items) => h('ul', { class: 'choices', role: 'list', 'aria-label': label }, items);

export function choice(onclick, image, title, text) {
  return h('li', {}, h('button', { type: 'button', class: 'choice', onclick }, image,
    h('span', { class: 'words' }, h('span', { class: 'title' }, title), text && h('span', { class: 'hint' }, text)),
    icon('next')));
}

// MARK: - Providers

/** The name of a provider, tariff or region that came from outside; empty where there is none. */
export const nameOf = (thing) => short(thing?.display_name) || short(thing?.name);

/** A provider with its logo, as a line of its own; nothing where no name is known. */
export const providerLine = (provider) =>
  nameOf(provider) && h('div', { class: 'provider' }, logo(provider), h('strong', {}, nameOf(provider)));

/** A provider's logo by way of the service, or initials where there is none or it does not load. */
export function logo(provider) {
  const digest = logoDigest(provider?.logo_url);
  if (!digest) return initials(provider);
  return h('img', {
    class: 'logo', src: new URL(`../../logos/${digest}.png`, import.meta.url).href, alt: '', width: 40, height: 40,
    loading: 'lazy', decoding: 'async', onerror: (event) => event.currentTarget.replaceWith(initials(provider)),
  });
}

/** The digest in a logo's address, whatever the host; undefined where there is none. */
export function logoDigest(url) {
  try {
    return /\/([0-9a-f]{8,128})\.png$/.exec(new URL(url).pathname)?.[1];
  } catch {
    return undefined;
  }
}

/** The first letters of the first two words of a name. */
export const initialsOf = (name) => name.split(/[^\p{L}\p{N}]+/u).filter(Boolean).slice(0, 2)
  .map((word) => Array.from(word)[0].toLocaleUpperCase()).join('');

function initials(provider) {
  const letters = initialsOf(nameOf(provider));
  return h('span', { class: 'logo', 'aria-hidden': 'true' }, letters || icon('bolt'));
}

export * from './format.js';
