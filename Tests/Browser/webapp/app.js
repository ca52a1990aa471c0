// A stand-in for a Connect web app, as bare as it can be, that does what docs/upstream.md §10 says of the reference
// one: one plain JSON POST without credentials, whose status is not looked at; the token from `fp_cot`; `session_start`
// wherever there is no state; every answer pushed as a state of the history, a redirect before its `location.replace`.

import { CONNECT_API_URL } from './config.js';

const token = new URLSearchParams(location.search).get('fp_cot') ?? '';
const page = document.getElementById('page');

async function post(step) {
  try {
    const answer = await fetch(CONNECT_API_URL, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ connect_token: token, type: 'submit', ...step }),
    });
    return await answer.json();
  } catch (error) {
    return { object: 'error', type: 'api_error', code: 'unexpected_error', message: String(error) };
  }
}

/** Sends a step; what comes back becomes the next state of the history, on an address that keeps the token alone. */
async function send(step) {
  const answer = await post(step);
  history.pushState(answer, '', `/?fp_cot=${token}`);
  show(answer);
}

/** Shows a state of the history; the link itself has none, so that going back to it starts the session again. */
const enter = (state) => (state ? show(state) : send({ route: 'session_start' }));

addEventListener('popstate', (event) => enter(event.state));

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const press = (text, onclick) => make('button', { type: 'button', textContent: text, onclick });

/** Inputs with a button; `read` turns their values into the data of a step, or into none. */
const form = (answer, names, read, type = 'text') => make('form', {
  onsubmit: (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    send({ route: answer.route, data: read(values) });
  },
},
...names.map((name) => make('label', {}, name, make('input', { name, type }))), make('button', { textContent: 'Next' }));

const pick = (answer, items, read) =>
  items.map(([text, value]) => press(text, () => send({ route: answer.route, data: read(value) })));

const act = (answer, action) => press(action, () => send({ route: answer.route, action }));

/** Minor units on the screen, major ones on the wire. */
const major = (text) => Number((Number(text) / 100).toFixed(6));

/** A day as the moment at which it begins where the customer is; JSON has it in UTC with milliseconds. */
const midnight = (day) => new Date(`${day}T00:00`);

const views = {
  postal_address_capture: (answer) => [form(answer, ['address_line1', 'city', 'post_code', 'country_code'],
    (values) => ({ postal_address: values }))],
  provider_select: (answer) => [
    ...pick(answer, answer.data.providers.map((each) => [each.display_name, each.id]), (id) => ({ provider: { id } })),
    act(answer, 'PROVIDER_MISSING')],
  provider_name_capture: (answer) => [form(answer, ['name'], (values) => ({ provider: values }))],
  tariff_select: (answer) =>
    pick(answer, answer.data.tariffs.map((each) => [each.name, each.id]), (id) => ({ tariff: { id } })),
  tariff_structure_select: (answer) =>
    pick(answer, answer.data.options.map((each) => [each, each]), (option) => ({ options: [option] })),
  rate_fixed_capture: (answer) => [form(answer, ['cost'], (values) => ({ cost: major(values.cost) }))],
  rate_tod_capture: (answer) => [form(answer, ['day', 'night', 'from', 'to'], (values) => ({
    hours: [
      { cost: major(values.day), valid_from: `${values.from}:00`, valid_to: `${values.to}:00` },
      { cost: major(values.night), valid_from: `${values.to}:00`, valid_to: `${values.from}:00` },
    ],
  }))],
  region_select: (answer) => pick(answer, answer.data.regions.map((each) => [each, each]), (region) => ({ region })),
  surcharge_capture: (answer) => [form(answer, ['fixed', 'percentage'], (values) => ({
    surcharge: { fixed: major(values.fixed), percentage: Number(values.percentage) },
  }))],
  tariff_name_capture: (answer) => [form(answer, ['name'], (values) => ({ tariff: values }))],
  contract_term_capture: (answer) => [
    form(answer, ['contract_end_date'],
      ({ contract_end_date: day }) => (day ? { contract_end_date: midnight(day) } : undefined), 'date'),
    press('Skip', () => send({ route: answer.route }))],
  tariff_summary: (answer) => [
    make('p', { textContent: `${answer.data.provider.display_name} ${answer.data.tariff.structure_type}` }),
    act(answer, 'EDIT'), act(answer, 'DISCONNECT'), act(answer, 'WRONG_TARIFF')],
  tariff_connection_pending: (answer) => [act(answer, 'EDIT'), act(answer, 'DISCONNECT')],
  tariff_connection_failed: (answer) => [act(answer, 'EDIT'), act(answer, 'DISCONNECT')],
  error: (answer) => [make('p', { textContent: answer.error_message })],
  complete_tariff: () => {
    setTimeout(() => location.assign('/'), 30_000);
    return [];
  },
};

const failure = (answer) => [
  make('h1', { textContent: 'Error' }), make('p', { id: 'token', textContent: answer.connect_token ?? '' }),
  make('p', { id: 'request', textContent: answer.request_id ?? '' }),
  make('p', { id: 'message', textContent: answer.message ?? '' }), press('Try again', () => history.back())];

const screen = (answer) => {
  const view = views[answer.route];
  return [make('h1', { textContent: view ? answer.route : `Unknown route: ${answer.route}` }), ...view?.(answer) ?? []];
};

/** The header is on errors, too, which advertise nothing: there the close button goes back in history. */
function show(answer) {
  if (answer.route === 'session_redirect') return location.replace(answer.data.redirect_url);
  const isError = answer.object === 'error';
  const actions = answer.actions ?? [];
  page.dataset.route = isError ? 'error' : answer.route;
  page.replaceChildren(
    ...actions.includes('BACK') ? [act(answer, 'BACK')] : [],
    press('Close', () => (actions.includes('CLOSE') ? send({ route: answer.route, action: 'CLOSE' }) : history.back())),
    ...isError ? failure(answer) : screen(answer));
}

enter(history.state);
