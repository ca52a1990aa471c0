// What each page of a Connect session looks like: a table from route name to a function that draws it.
//
// A function is given the page as Connect sent it and `go`, the ways on: `go.submit(data)`, `go.act(action)` and
// `go.skip()`. It returns `{title, lead, content, actions}`, where `actions` are those of the page's advertised actions
// that `content` takes care of. Whatever else is advertised becomes a button under it, so that nothing Connect offers is
// ever out of reach. BACK and CLOSE belong to the frame around every screen.

import { chart } from '/page/chart.js';
import {
  button, clockOfOffset, dateText, field, h, icon, logo, numberFrom, numberInput, perKWh, rateFrom, rateInput, rateText,
} from '/page/kit.js';

export const screens = {
  postal_address_capture: postalAddress,
  provider_select: providerSelect,
  provider_name_capture: providerName,
  tariff_select: tariffSelect,
  tariff_structure_select: structureSelect,
  rate_fixed_capture: rateFixed,
  rate_tod_capture: rateTimeOfDay,
  region_select: regionSelect,
  surcharge_capture: surcharge,
  tariff_name_capture: tariffName,
  contract_term_capture: contractTerm,
  tariff_summary: summary,
  tariff_connection_pending: pending,
  tariff_connection_failed: failed,
  complete_tariff: complete,
};

/** Any page that is not in the table: routes are opaque, and new ones appear. */
export function anyScreen(page) {
  return {
    title: labelOf(page.route),
    lead: page.actions?.some((action) => action !== 'BACK' && action !== 'CLOSE')
      ? 'Choose how to go on.'
      : 'This app does not know this step. You can go back, or close and try later.',
    content: [],
  };
}

const labels = {
  ADDRESS_CHANGE: 'Change address',
  CONTINUE: 'Continue',
  DISCONNECT: 'Disconnect',
  EDIT: 'Change tariff',
  PROVIDER_MISSING: 'My provider is not listed',
  RECONNECT: 'Try another way',
  TARIFF_MISSING: 'My tariff is not listed',
  WRONG_TARIFF: 'This is not my tariff',
  WRONG_TARIFF_REPORT: 'This is not my tariff',
};

/** A button's text for an action; an unknown one speaks for itself. */
export const labelOf = (name) =>
  labels[name] ?? name.charAt(0).toUpperCase() + name.slice(1).toLowerCase().replaceAll('_', ' ');

const submitButton = (label = 'Continue') => h('button', { type: 'submit', class: 'primary' }, label);

/** A form that sends what `read` makes of it. */
function form(read, ...content) {
  return h('form', {
    onsubmit: (event) => {
      event.preventDefault();
      read(event.currentTarget.elements);
    },
  }, content);
}

/** A list of things to choose from, each one tap. */
const choices = (label, items) => h('ul', { class: 'choices', 'aria-label': label }, items);

function choice(onclick, image, title, text) {
  return h('li', {}, h('button', { type: 'button', class: 'choice', onclick }, image,
    h('span', { class: 'words' }, h('span', { class: 'title' }, title), text && h('span', { class: 'hint' }, text)),
    icon('next')));
}

const by = (page) => page.data?.provider?.display_name;

// MARK: - Where you live

const countries = ['GB', 'DE', 'FR', 'NL', 'US', 'AU'];
const states = {
  AU: ['ACT', 'NSW', 'NT', 'QLD', 'SA', 'TAS', 'VIC', 'WA'],
  CA: ['AB', 'BC', 'MB', 'NB', 'NL', 'NS', 'NT', 'NU', 'ON', 'PE', 'QC', 'SK', 'YT'],
  US: [
    'AL', 'AK', 'AZ', 'AR', 'CA', 'CO', 'CT', 'DE', 'DC', 'FL', 'GA', 'HI', 'ID', 'IL', 'IN', 'IA', 'KS', 'KY', 'LA',
    'ME', 'MD', 'MA', 'MI', 'MN', 'MS', 'MO', 'MT', 'NE', 'NV', 'NH', 'NJ', 'NM', 'NY', 'NC', 'ND', 'OH', 'OK', 'OR',
    'PA', 'RI', 'SC', 'SD', 'TN', 'TX', 'UT', 'VT', 'VA', 'WA', 'WV', 'WI', 'WY',
  ],
};
const countryName = new Intl.DisplayNames('en', { type: 'region' });

function postalAddress(page, go) {
  const address = page.data?.postal_address ?? {};
  const text = (name, autocomplete) =>
    h('input', { name, value: address[name] ?? '', autocomplete, maxlength: 200, required: true });
  const known = countries.includes(address.country_code) || !address.country_code
    ? countries : [address.country_code, ...countries];
  const country = h('select', { name: 'country_code', autocomplete: 'country', required: true },
    known.map((code) => h('option', { value: code, selected: code === address.country_code }, countryName.of(code))));
  const state = h('select', { name: 'state', autocomplete: 'address-level1', required: true });
  const stateField = field('State', state);
  const showStates = () => {
    const list = states[country.value] ?? [];
    state.replaceChildren(h('option', { value: '' }, 'Choose'),
      ...list.map((code) => h('option', { value: code, selected: code === address.state }, code)));
    stateField.hidden = list.length === 0;
    state.disabled = list.length === 0;
  };
  country.addEventListener('change', showStates);
  showStates();
  return {
    title: 'Where do you live?',
    lead: 'Your address tells us which providers and prices apply.',
    content: form((inputs) => {
      const given = Object.fromEntries(['address_line1', 'city', 'post_code', 'country_code']
        .map((name) => [name, inputs[name].value.trim()]));
      // An empty state is left out: whether it would be accepted is unknown.
      if (!state.disabled) given.state = state.value;
      go.submit({ postal_address: given });
    },
    field('Country', country),
    field('Street and number', text('address_line1', 'address-line1')),
    h('div', { class: 'pair' }, field('Town or city', text('city', 'address-level2')),
      field('Post code', text('post_code', 'postal-code'))),
    stateField, submitButton()),
  };
}

// MARK: - Who supplies you

const addressText = (address) =>
  [address?.address_line1, address?.city, address?.post_code].filter(Boolean).join(', ');

function providerSelect(page, go) {
  const providers = page.data?.providers ?? [];
  const list = choices('Providers', providers.map((provider) =>
    choice(() => go.submit({ provider: { id: provider.id } }), logo(provider), provider.display_name)));
  const count = h('p', { class: 'hint', role: 'status' });
  const search = h('input', {
    type: 'search', name: 'search', autocomplete: 'off', placeholder: 'Name of your provider',
    oninput: () => {
      const wanted = search.value.trim().toLowerCase();
      let shown = 0;
      [...list.children].forEach((item, index) => {
        item.hidden = !providers[index].display_name.toLowerCase().includes(wanted);
        if (!item.hidden) shown += 1;
      });
      count.textContent = wanted === '' ? '' : shown === 1 ? '1 provider' : `${shown} providers`;
    },
  });
  return {
    title: 'Who is your electricity provider?',
    lead: addressText(page.data?.postal_address),
    content: [field('Search', search), count, list],
  };
}

function providerName(page, go) {
  const name = h('input', {
    name: 'provider_name', value: page.data?.provider?.name ?? '', autocomplete: 'organization', maxlength: 200,
    required: true,
  });
  return {
    title: 'What is your provider called?',
    lead: 'It is on your bill.',
    content: form(() => go.submit({ provider: { name: name.value.trim() } }), field('Provider', name), submitButton()),
  };
}

// MARK: - Which tariff

function tariffSelect(page, go) {
  return {
    title: 'Which tariff do you have?',
    lead: by(page),
    content: choices('Tariffs', (page.data?.tariffs ?? []).map((tariff) =>
      choice(() => go.submit({ tariff: { id: tariff.id } }), undefined, tariff.name, tariff.description))),
  };
}

const structures = {
  FIXED: ['One rate', 'The same price at all hours'],
  TIME_OF_DAY: ['Day and night', 'One price by day, another by night'],
  MARKET: ['Market price', 'Follows the electricity market hour by hour'],
  DYNAMIC: ['Dynamic', 'Your provider sets prices hour by hour'],
  STATIC: ['Seasons and days', 'Prices differ by day or season'],
  ADVANCED: ['Something else', 'Prices differ by day or season'],
};

function structureSelect(page, go) {
  return {
    title: 'How are you charged?',
    lead: by(page),
    content: choices('Kinds of tariff', (page.data?.options ?? []).map((option) => {
      const [title, text] = structures[option] ?? [labelOf(option)];
      return choice(() => go.submit({ options: [option] }), undefined, title, text);
    })),
  };
}

// MARK: - What it costs

function rateFixed(page, go) {
  const { currency_code: currency, cost } = page.data;
  const input = rateInput('cost', cost, currency);
  return {
    title: 'What do you pay per unit?',
    lead: by(page),
    content: form(() => go.submit({ cost: rateFrom(input, currency) }),
      field('Unit rate', input, { unit: perKWh(currency), hint: 'With tax. Your bill names it unit rate or energy charge.' }),
      submitButton()),
  };
}

function rateTimeOfDay(page, go) {
  const { currency_code: currency } = page.data;
  const [day, night] = dayAndNight(page.data.hours ?? []);
  const dayCost = rateInput('day_cost', day?.cost, currency);
  const nightCost = rateInput('night_cost', night?.cost, currency);
  const from = h('input', { type: 'time', name: 'valid_from', value: (day?.valid_from ?? '07:00').slice(0, 5), required: true });
  const to = h('input', { type: 'time', name: 'valid_to', value: (day?.valid_to ?? '23:00').slice(0, 5), required: true });
  const nightHours = h('p', { class: 'hint', 'aria-live': 'polite' });
  const check = () => {
    to.setCustomValidity(from.value === to.value ? 'Day and night must differ.' : '');
    nightHours.textContent = from.value && to.value ? `From ${to.value} to ${from.value}` : '';
  };
  from.addEventListener('input', check);
  to.addEventListener('input', check);
  check();
  return {
    title: 'What do you pay by day and by night?',
    lead: by(page),
    content: form(() => {
      const [morning, evening] = [`${from.value}:00`, `${to.value}:00`];
      go.submit({
        hours: [
          { cost: rateFrom(dayCost, currency), valid_from: morning, valid_to: evening },
          { cost: rateFrom(nightCost, currency), valid_from: evening, valid_to: morning },
        ],
      });
    },
    h('fieldset', { class: 'part' }, h('legend', {}, 'Day'),
      field('Day rate', dayCost, { unit: perKWh(currency) }),
      h('div', { class: 'pair' }, field('From', from), field('To', to))),
    h('fieldset', { class: 'part' }, h('legend', {}, 'Night'),
      field('Night rate', nightCost, { unit: perKWh(currency) }), nightHours),
    submitButton()),
  };
}

/** The two rows of a day, of which one may have come back cut at midnight. A blank page has one row from 0 to 0. */
function dayAndNight(rows) {
  const midnight = '00:00:00';
  const evening = rows.find((row) => row.valid_to === midnight && row.valid_from !== midnight);
  const morning = rows.find((row) => row.valid_from === midnight && row.valid_to !== midnight);
  const isCut = evening && morning && evening !== morning && evening.cost === morning.cost;
  const night = isCut ? { ...evening, valid_to: morning.valid_to } : morning;
  const day = rows.find((row) => row !== morning && (!isCut || row !== evening) && row.valid_from !== row.valid_to);
  return [day, night];
}

const regions = {
  CORS: 'Corsica', FR: 'Mainland France', NSW: 'New South Wales', QLD: 'Queensland', SA: 'South Australia',
  TAS: 'Tasmania', VIC: 'Victoria',
};

function regionSelect(page, go) {
  return {
    title: 'Which market region are you in?',
    lead: 'Your post code lies close to more than one.',
    content: choices('Regions', (page.data?.regions ?? []).map((region) =>
      choice(() => go.submit({ region }), undefined, regions[region] ?? region))),
  };
}

function surcharge(page, go) {
  const { currency_code: currency, surcharge: given = {} } = page.data;
  const unit = perKWh(currency);
  const fixed = rateInput('surcharge_fixed', given.fixed, currency, { placeholder: '0', required: false });
  const percentage = numberInput('surcharge_percentage', given.percentage ? String(given.percentage) : '',
    { placeholder: '0', required: false });
  return {
    title: 'What comes on top of the market price?',
    lead: 'Taxes, fees and your provider’s margin. Leave empty what you do not know.',
    content: form(() => go.submit({
      surcharge: { fixed: rateFrom(fixed, currency), percentage: numberFrom(percentage) },
    }),
    field('Fixed part', fixed, { unit, hint: 'Added to each unit first.' }),
    field('Percentage', percentage, { unit: '%', hint: 'Then this is put on the sum, such as VAT.' }),
    submitButton(), button('Skip', () => go.submit({ surcharge: { fixed: 0, percentage: 0 } }), 'quiet')),
  };
}

// MARK: - More about the tariff

function tariffName(page, go) {
  const name = h('input', { name: 'tariff_name', value: page.data?.tariff?.name ?? '', autocomplete: 'off', maxlength: 200, required: true });
  return {
    title: 'What is your tariff called?',
    lead: by(page),
    content: form(() => go.submit({ tariff: { name: name.value.trim() } }),
      field('Tariff name', name, { hint: 'It is on your bill, close to the rates.' }), submitButton()),
  };
}

function contractTerm(page, go) {
  const day = (text) => (text ?? '').slice(0, 10);
  const start = h('input', { type: 'date', name: 'contract_start_date', value: day(page.data?.contract_start_date) });
  const end = h('input', { type: 'date', name: 'contract_end_date', value: day(page.data?.contract_end_date) });
  const endless = h('input', {
    type: 'checkbox', id: 'endless', onchange: () => { end.disabled = endless.checked; if (endless.checked) end.value = ''; },
  });
  const moment = (input) => (input.value ? `${input.value}T00:00:00Z` : null);
  return {
    title: 'How long does your contract run?',
    lead: 'We remind you before it ends. Leave empty what you do not know.',
    content: form(() => {
      const data = { contract_start_date: moment(start), contract_end_date: moment(end) };
      if (endless.checked) data.contract_term_type = 'UNTIL_TERMINATED';
      go.submit(data);
    },
    h('div', { class: 'pair' }, field('Starts', start), field('Ends', end)),
    h('div', { class: 'check' }, endless, h('label', { for: 'endless' }, 'It runs until I end it')),
    submitButton(), button('Skip', () => go.skip(), 'quiet')),
  };
}

// MARK: - How it ends

const connectionTypes = {
  DIRECT: 'Read from your provider account', LIBRARY: 'Known tariff', MANUAL: 'Rates typed in by you',
  MARKET: 'Market prices',
};

function summary(page, go) {
  const { currency_code: currency, tariff = {}, rates = {}, provider, connection_type: type } = page.data ?? {};
  const rows = (list) => (list ?? []).map((row) => ({
    from: Date.parse(row.valid_from), to: Date.parse(row.valid_to), value: row.tariff.cost,
  }));
  const drawn = (title, list) => chart(title, rows(list), currency, clockOfOffset(list?.[0]?.valid_from ?? ''));
  const facts = [
    ['Tariff', tariff.name],
    ['Kind', structures[tariff.structure_type]?.[0] ?? tariff.structure_type],
    ['Unit rate', tariff.structure_type === 'FIXED' && rates.today?.[0]
      ? `${rateText(rates.today[0].tariff.cost, currency, 4)} ${perKWh(currency)}` : undefined],
    ['Source', connectionTypes[type] ?? type],
    ['Contract starts', tariff.contract_start_date && dateText(tariff.contract_start_date)],
    ['Contract ends', tariff.contract_end_date ? dateText(tariff.contract_end_date)
      : tariff.contract_term_type === 'UNTIL_TERMINATED' && 'When you end it'],
  ].filter(([, value]) => value);
  return {
    title: tariff.reconnect_required ? 'Please connect again' : 'Your tariff is connected',
    content: [
      h('div', { class: 'provider' }, logo(provider), h('strong', {}, provider?.display_name)),
      h('dl', { class: 'facts' }, facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
      currency && h('div', { class: 'charts' }, drawn('Today', rates.today), drawn('Tomorrow', rates.tomorrow)),
      button('Done', () => go.act('CLOSE'), 'primary'),
    ],
  };
}

function pending(page, go) {
  return {
    title: 'Your provider needs a moment',
    lead: 'We are connected, and your tariff is on its way. This can take from a minute to a day. You can close this.',
    content: [
      h('div', { class: 'provider' }, logo(page.data?.provider), h('strong', {}, by(page))),
      button('Done', () => go.act('CLOSE'), 'primary'),
      button('Look again', () => go.look(), 'secondary'),
    ],
  };
}

function failed(page, go) {
  const again = ['EDIT', 'RECONNECT'].find((action) => page.actions?.includes(action));
  return {
    title: 'The connection did not work',
    lead: 'Your provider could not give us your tariff. You can try again, or tell us your rates yourself.',
    content: [
      h('div', { class: 'provider' }, logo(page.data?.provider), h('strong', {}, by(page))),
      again && button('Try again', () => go.act(again), 'primary'),
      button('Close', () => go.act('CLOSE'), 'secondary'),
    ],
    actions: again ? [again] : [],
  };
}

function complete(_, go) {
  return { title: 'All done', lead: 'You can go back to the app.', content: [button('Done', () => go.home(), 'primary')] };
}
