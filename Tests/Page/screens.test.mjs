// What the screens of Connect's pages show and send.  node --test Tests/Page/

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { languages, load, repository, speak, texts } from './assets.mjs';
import { anyScreen, labelOf, open, row, screens, text } from './drawn.mjs';
import { Screen } from './fake-elements.mjs';

const kit = await load('kit.js');
const provider = { id: 'prv_1', display_name: 'Brackenfield Energy', logo_url: 'https://s.flatpeak.com/0123456789abcdef.png' };

const sends = (screen, ...steps) => assert.deepEqual(screen.sent, steps);

test.beforeEach(() => speak('en'));

test('every documented page has a screen', () => {
  const [, pages] = /### 4\.4 Routes([\s\S]*?)### 4\.5/.exec(readFileSync(new URL('docs/upstream.md', repository), 'utf8'));
  const routes = [...pages.matchAll(/^- \*\*`(\w+)`\*\*/gm)].map(([, route]) => route);
  assert.ok(routes.length >= 15);
  // Redirects are followed, and never drawn.
  assert.deepEqual(routes.filter((route) => route !== 'session_redirect' && !Object.hasOwn(screens, route)), []);
  assert.ok(screens.complete_tariff);
  for (const [route, draw] of Object.entries(screens)) assert.equal(typeof draw, 'function', route);
});

// MARK: - What is sent

test('address: sends what is filled in, without an empty state, and says at each field what is missing', () => {
  const screen = open('postal_address_capture', { postal_address: { country_code: 'GB', state: '', city: ' London ' } });
  screen.press('Continue');
  sends(screen);
  assert.deepEqual(screen.errors, [text('error.address_line1_missing'), text('error.post_code_missing')]);
  const line1 = screen.named('address_line1');
  assert.equal(document.activeElement, line1);
  assert.equal(line1.getAttribute('aria-invalid'), 'true');
  assert.equal(line1.getAttribute('aria-describedby'), `${line1.id}-error`);
  screen.fill({ address_line1: ' 1-3 Strand ', post_code: 'WC2N 5EH' });
  assert.equal(line1.getAttribute('aria-invalid'), 'false');
  assert.deepEqual(screen.errors, []);
  screen.press('Continue');
  sends(screen, ['submit', { postal_address: { address_line1: '1-3 Strand', city: 'London', post_code: 'WC2N 5EH', country_code: 'GB' } }]);
});

test('address: asks for a state where the country has states, and sends its code', () => {
  const screen = open('postal_address_capture', { postal_address: { country_code: 'AU', address_line1: 'a', city: 'b', post_code: 'c' } });
  screen.press('Continue');
  assert.deepEqual(screen.errors, [text('error.state_missing')]);
  screen.fill({ state: 'NSW' }).press('Continue');
  assert.equal(screen.sent[0][1].postal_address.state, 'NSW');
  assert.match(screen.text, /New South Wales/);
  screen.fill({ country_code: 'CA' });
  assert.match(screen.text, new RegExp(text('address.province')));
});

test('address: every country of the world can be chosen, in the customer’s language, the likely ones first', async () => {
  const expected = { en: ['United Kingdom', 'Afghanistan'], de: ['Vereinigtes Königreich', 'Afghanistan'], fr: ['Royaume-Uni', 'Afghanistan'], nl: ['Verenigd Koninkrijk', 'Afghanistan'] };
  for (const language of languages) {
    await speak(language);
    const screen = open('postal_address_capture', { postal_address: { country_code: 'GB' } });
    const [likely, all] = screen.all('optgroup').map((group) => group.children.map((option) => [option.getAttribute('value'), option.textContent]));
    assert.deepEqual([likely[0][1], all[0][1]], expected[language]);
    assert.equal(all.length, new Set(all.map(([code]) => code)).size);
    assert.ok(all.length >= 244 && all.every(([code, name]) => /^[A-Z]{2}$/.test(code) && name !== code), `${language}: ${all.length}`);
    assert.deepEqual(all.map(([, name]) => name), all.map(([, name]) => name).sort(new Intl.Collator(language).compare));
  }
  // A country that only Flatpeak knows is kept.
  assert.equal(open('postal_address_capture', { postal_address: { country_code: 'zz' } }).named('country_code').value, 'ZZ');
});

test('provider: chooses one, and finds one by parts of its name without accents', () => {
  const providers = ['Brackenfield Energy', 'Clairmoulin Électricité', 'c', 'd', 'e', 'f', 'g'].map((display_name, index) => ({ id: `prv_${index}`, display_name }));
  const screen = open('provider_select', { postal_address: { address_line1: '1-3 Strand', city: 'London' }, providers });
  assert.equal(screen.lead, '1-3 Strand, London');
  screen.fill({ search: 'elec CLAIR' });
  assert.deepEqual(screen.all('li').length, 1);
  assert.match(screen.text, /1 result/);
  screen.press('Clairmoulin Électricité');
  sends(screen, ['submit', { provider: { id: 'prv_1' } }]);
  screen.fill({ search: 'nobody' });
  assert.ok(screen.text.includes(text('search.none')));
  screen.fill({ search: ' ' });
  assert.equal(screen.all('li').length, 7);
});

test('provider: ten thousand are drawn in parts, and the focus goes on to the first new one', () => {
  const providers = Array.from({ length: 10_000 }, (_, index) => ({ id: `prv_${index}`, display_name: `Provider ${index}` }));
  const screen = open('provider_select', { providers });
  const shown = () => screen.all('li').length;
  const first = shown();
  assert.ok(first < 100, String(first));
  screen.press('Show more');
  assert.ok(shown() > first && shown() < 200);
  assert.match(document.activeElement.textContent, new RegExp(`Provider ${first}$`));
  screen.fill({ search: '9999' });
  screen.press('Provider 9999');
  sends(screen, ['submit', { provider: { id: 'prv_9999' } }]);
});

test('names: are trimmed, and needed', () => {
  for (const [route, field, data] of [
    ['provider_name_capture', 'provider_name', { provider: { name: 'My Power' } }], ['tariff_name_capture', 'tariff_name', { tariff: { name: 'My Power' } }],
  ]) {
    const screen = open(route, { provider: { name: '' }, tariff: { name: ' ' } });
    screen.fill({ [field]: '   ' }).press('Continue');
    assert.deepEqual(screen.errors, [text(`error.${field}_missing`)]);
    screen.fill({ [field]: '  My Power ' }).press('Continue');
    sends(screen, ['submit', data]);
  }
});

test('tariff, structure and region: one tap sends the choice', () => {
  const tariff = open('tariff_select', { provider, tariffs: [{ id: 'trt_1', name: 'Lantern Economy', description: '' }, { id: 'trt_2', name: 'Go', description: 'Cheap at night' }] });
  assert.equal(tariff.lead, 'Brackenfield Energy');
  assert.match(tariff.text, /Cheap at night/);
  sends(tariff.press('Go'), ['submit', { tariff: { id: 'trt_2' } }]);
  const structure = open('tariff_structure_select', { provider, options: ['FIXED', 'MARKET', 'NEW_KIND'] });
  sends(structure.press('One rate').press('New kind'), ['submit', { options: ['FIXED'] }], ['submit', { options: ['NEW_KIND'] }]);
  const region = open('region_select', { provider, regions: ['CORS', 'FR', 'NSW', 'SE3'] });
  sends(region.press('Corsica').press('New South Wales').press('SE3'), ['submit', { region: 'CORS' }], ['submit', { region: 'NSW' }], ['submit', { region: 'SE3' }]);
});

test('fixed rate: shows minor units, sends major ones, with comma or point', async () => {
  for (const language of languages) {
    await speak(language);
    for (const typed of ['23,45', '23.45']) {
      const screen = open('rate_fixed_capture', { currency_code: 'EUR', provider, cost: 0 });
      assert.equal(screen.named('cost').value, '');
      sends(screen.fill({ cost: typed }).press(texts[language].continue), ['submit', { cost: 0.2345 }]);
    }
  }
  await speak('de');
  assert.equal(open('rate_fixed_capture', { currency_code: 'EUR', cost: 0.234567 }).named('cost').value, '23,4567');
  await speak('en');
  sends(open('rate_fixed_capture', { currency_code: 'JPY' }).fill({ cost: '31.5' }).press('Continue'), ['submit', { cost: 31.5 }]);
  sends(open('rate_fixed_capture', { currency_code: 'KWD' }).fill({ cost: '0.0021555' }).press('Continue'), ['submit', { cost: 0.0021555 }]);
});

test('fixed rate: refuses what is no price, and asks once about one that looks like major units', () => {
  for (const [typed, key] of [['', 'number.invalid'], ['abc', 'number.invalid'], ['1e9', 'number.invalid'], ['9999999', 'number.invalid'], ['0', 'error.cost_value_zero'], ['-3', 'error.cost_value_negative']]) {
    const screen = open('rate_fixed_capture', { currency_code: 'GBP', cost: 0 }).fill({ cost: typed }).press('Continue');
    sends(screen);
    assert.deepEqual(screen.errors, [text(key).replace('{example}', '23.45')], typed);
  }
  const screen = open('rate_fixed_capture', { currency_code: 'GBP', cost: 0 }).fill({ cost: '0.23' }).press('Continue');
  sends(screen);
  assert.deepEqual(screen.errors, [text('rate.low').replace('{unit}', 'p')]);
  sends(screen.press('Continue'), ['submit', { cost: 0.0023 }]);
});

test('day and night: sends two rows that fill the day', () => {
  const screen = open('rate_tod_capture', { currency_code: 'GBP', provider, hours: [{ cost: 0, valid_from: '00:00:00', valid_to: '00:00:00' }] });
  screen.fill({ day_cost: '31', night_cost: '12,5' });
  assert.match(screen.text, /From 23:00 to 07:00/);
  screen.fill({ valid_to: '07:00' }).press('Continue');
  assert.deepEqual(screen.errors, [text('tod.equal')]);
  screen.fill({ valid_to: '22:30' });
  assert.match(screen.text, /From 22:30 to 07:00/);
  sends(screen.press('Continue'), ['submit', { hours: [
    { cost: 0.31, valid_from: '07:00:00', valid_to: '22:30:00' }, { cost: 0.125, valid_from: '22:30:00', valid_to: '07:00:00' },
  ] }]);
});

test('surcharge: empty is zero, and skipping sends zeros', () => {
  const screen = open('surcharge_capture', { currency_code: 'EUR', provider, surcharge: { fixed: 0, percentage: 0 } });
  sends(screen.press('Continue').fill({ surcharge_fixed: '2', surcharge_percentage: '5' }).press('Continue').press('Skip'),
    ['submit', { surcharge: { fixed: 0, percentage: 0 } }], ['submit', { surcharge: { fixed: 0.02, percentage: 5 } }],
    ['submit', { surcharge: { fixed: 0, percentage: 0 } }]);
  screen.fill({ surcharge_fixed: '-1', surcharge_percentage: '-5' }).press('Continue');
  assert.deepEqual(screen.errors, [text('error.surcharge_fixed_negative'), text('error.surcharge_percentage_invalid')]);
});

test('contract: sends days as midnight in UTC, null for unknown ones, and skips with neither data nor action', () => {
  const screen = open('contract_term_capture', { provider, contract_start_date: '0001-01-01T00:00:00Z', contract_end_date: null });
  assert.equal(screen.named('contract_start_date').value, '');
  screen.press('Continue').fill({ contract_start_date: '2026-01-01', contract_end_date: '2025-01-01' }).press('Continue');
  assert.deepEqual(screen.errors, [text('dates.order')]);
  screen.fill({ contract_end_date: '2026-12-31' }).press('Continue').press('Skip');
  const endless = screen.all('input').find((each) => each.id === 'endless');
  endless.checked = true;
  endless.dispatch('change');
  screen.press('Continue');
  sends(screen,
    ['submit', { contract_start_date: null, contract_end_date: null }],
    ['submit', { contract_start_date: '2026-01-01T00:00:00Z', contract_end_date: '2026-12-31T00:00:00Z' }], 'skip',
    ['submit', { contract_start_date: '2026-01-01T00:00:00Z', contract_end_date: null, contract_term_type: 'UNTIL_TERMINATED' }]);
});

test('schedule: is built part by part, checked, and sent', () => {
  const screen = open('rate_advanced_capture', { currency_code: 'EUR', provider, tariff: { market_rates: false, schedule: [] } });
  screen.press('Continue');
  assert.deepEqual(screen.errors, [text('number.invalid').replace('{example}', '23.45')]);
  screen.press('Add a time of day');
  const prices = () => screen.all('input').filter((each) => each.getAttribute('name') === 'price');
  assert.equal(prices().length, 2);
  for (const [index, input] of prices().entries()) {
    input.value = ['30', '20,5'][index];
    input.dispatch('input');
  }
  screen.press('Other prices on some days');
  assert.deepEqual(prices().map((each) => each.value), ['30', '20,5', '']);
  prices()[2].value = '15';
  prices()[2].dispatch('input');
  // Friday belongs to no part.
  const friday = screen.all('label').find((each) => each.textContent === 'Fri').children[0];
  friday.checked = false;
  friday.dispatch('change');
  screen.press('Continue');
  sends(screen);
  assert.deepEqual(screen.errors, [text('advanced.missing').replace('{names}', 'Friday')]);
  const weekend = screen.all('label').filter((each) => each.textContent === 'Fri')[1].children[0];
  weekend.checked = true;
  weekend.dispatch('change');
  const rate = (fixed) => [{ fixed, to_kwh: null, surcharge_fixed: 0, surcharge_percentage: 0 }];
  sends(screen.fill({ contract_end_date: '2027-01-31' }).press('Continue'), ['submit', { tariff: {
    market_rates: false, contract_start_date: null, contract_end_date: '2027-01-31T00:00:00Z',
    schedule: [{ months: ['All'], days_and_hours: [
      { days: [1, 2, 3, 4], hours: [
        { valid_from: '00:00:00', valid_to: '07:00:00', rate: rate(0.205) }, { valid_from: '07:00:00', valid_to: '23:00:00', rate: rate(0.3) },
        { valid_from: '23:00:00', valid_to: '00:00:00', rate: rate(0.205) },
      ] },
      { days: [5, 6, 7], hours: [{ valid_from: '00:00:00', valid_to: '00:00:00', rate: rate(0.15) }] },
    ] }],
  } }]);
});

test('schedule: on market prices asks for surcharges, and special dates for their days', () => {
  const screen = open('rate_advanced_capture', { currency_code: 'EUR', tariff: { market_rates: true, schedule: [] } });
  screen.fill({ fixed: '2', percentage: '19' });
  screen.press('Other prices on special dates').press('Continue');
  assert.deepEqual(screen.errors, [text('advanced.dates.invalid')]);
  screen.fill({ dates: '24, 25' }).press('Continue');
  assert.deepEqual(screen.errors, [text('advanced.none.months')]);
  const december = screen.all('label').find((each) => each.textContent === 'Dec').children[0];
  december.checked = true;
  december.dispatch('change');
  screen.press('Continue');
  const [special, whole] = screen.sent[0][1].tariff.schedule;
  assert.deepEqual([special.months, special.dates, whole.months], [[12], [24, 25], ['All']]);
  assert.deepEqual(whole.days_and_hours[0].hours[0].rate, [{ fixed: 0, to_kwh: null, surcharge_fixed: 0.02, surcharge_percentage: 19 }]);
  screen.press('Remove these months: Special dates').press('Continue');
  assert.equal(screen.sent[1][1].tariff.schedule.length, 1);
});

// MARK: - How it ends

test('summary: shows the tariff, its prices as bars and as a table, and the ways on', () => {
  const screen = open('tariff_summary', {
    connection_type: 'MANUAL', currency_code: 'GBP', provider,
    tariff: { name: 'Lantern', structure_type: 'FIXED', contract_start_date: '2026-01-01T00:00:00Z', contract_end_date: '0001-01-01T00:00:00Z', contract_term_type: 'UNTIL_TERMINATED' },
    rates: { yesterday: [], today: [
      row('2026-11-23T00:00:00+00:00', '2026-11-23T12:00:00+00:00', 0.2345), row('2026-11-23T12:00:00+00:00', '2026-11-24T00:00:00+00:00', 0.31, 0.7),
    ], tomorrow: [] },
  }, { actions: ['EDIT', 'DISCONNECT', 'CLOSE', 'BACK'] });
  for (const expected of ['Brackenfield Energy', 'Lantern', 'One rate', 'Entered by you', '1 Jan 2026', 'When you end it', '23.45 – 31 p/kWh', 'Show as a table', text('chart.none'), text('chart.forecast.hint')]) {
    assert.ok(screen.text.includes(expected), `${expected} in: ${screen.text}`);
  }
  const [svg] = screen.all('svg').filter((each) => each.getAttribute('role') === 'img');
  assert.equal(svg.getAttribute('aria-label'), 'Today: 23.45 – 31 p/kWh');
  assert.equal(svg.all.filter((each) => each.name === 'rect').length, 24);
  assert.deepEqual(svg.all.filter((each) => each.name === 'text').map((each) => each.textContent), ['00:00', '06:00', '12:00', '18:00', '00:00']);
  assert.deepEqual(screen.all('tr').map((each) => each.children.map((cell) => cell.textContent)), [
    ['From', 'To', 'p/kWh'], ['00:00', '12:00', '23.45'], ['12:00', '00:00', '31 (Forecast)'],
  ]);
  assert.deepEqual(screen.actions, []);
  sends(screen.press('Done'), ['act', 'CLOSE']);
});

test('summary: one price for all hours is a fact, and no chart', () => {
  const today = [row('2026-11-23T00:00:00Z', '2026-11-23T12:00:00Z', 0.234567), row('2026-11-23T12:00:00Z', '2026-11-24T00:00:00Z', 0.234567)];
  const screen = open('tariff_summary', { currency_code: 'GBP', tariff: { structure_type: 'FIXED' }, rates: { today, tomorrow: [] } });
  assert.ok(screen.text.includes('Unit rate23.4567 p/kWh'), screen.text);
  assert.equal(screen.all('figure').length, 0);
});

test('summary: the times under the bars are short where the day has twice twelve hours', async () => {
  await speak('en', 'en-US');
  const today = [row('2026-11-23T00:00:00Z', '2026-11-23T12:00:00Z', 0.2), row('2026-11-23T12:00:00Z', '2026-11-24T00:00:00Z', 0.3)];
  const screen = open('tariff_summary', { currency_code: 'USD', tariff: {}, rates: { today } });
  assert.deepEqual(screen.all('text').map((each) => each.textContent.replace(/\s/g, ' ')), ['12 AM', '6 AM', '12 PM', '6 PM', '12 AM']);
});

test('summary: a day on which the clock changes has all its hours', () => {
  const today = Array.from({ length: 25 }, (_, index) => {
    const at = (hours) => {
      const offset = hours < 3 ? '+02:00' : '+01:00';
      return `${new Date(Date.parse('2026-10-25T00:00:00+02:00') + hours * 3_600_000 + (offset === '+02:00' ? 2 : 1) * 3_600_000).toISOString().slice(0, 19)}${offset}`;
    };
    return row(at(index), at(index + 1), 0.2 + index / 100);
  });
  const screen = open('tariff_summary', { currency_code: 'EUR', tariff: {}, rates: { today } });
  const [svg] = screen.all('svg').filter((each) => each.getAttribute('role') === 'img');
  assert.equal(svg.all.filter((each) => each.name === 'rect').length, 25);
  const times = screen.all('tr').slice(1).map((each) => each.children[0].textContent);
  assert.deepEqual([times.length, times[2], times[3], times[24]], [25, '02:00', '02:00', '23:00']);
  assert.deepEqual(svg.all.filter((each) => each.name === 'text').map((each) => each.textContent), ['00:00', '06:00', '12:00', '18:00', '00:00']);
});

test('summary: asks to connect again where that is required, by an action that is advertised', () => {
  const data = { currency_code: 'EUR', provider, tariff: { reconnect_required: true } };
  const screen = open('tariff_summary', data, { actions: ['EDIT', 'CLOSE'] });
  assert.equal(screen.title, text('summary.reconnect'));
  assert.deepEqual(screen.actions, ['EDIT']);
  sends(screen.press(text('summary.reconnect.action')), ['act', 'EDIT']);
  assert.deepEqual(open('tariff_summary', data, { actions: ['CLOSE'] }).actions, []);
});

test('pending, failed and complete lead on', () => {
  const pending = open('tariff_connection_pending', { connection_type: 'DIRECT', provider });
  sends(pending.press('Done').press(text('pending.look')), ['act', 'CLOSE'], 'look');
  const failed = open('tariff_connection_failed', { provider }, { actions: ['EDIT', 'DISCONNECT', 'BACK'] });
  assert.deepEqual(failed.actions, ['EDIT']);
  sends(failed.press('Try again').press('Close'), ['act', 'EDIT'], ['act', 'CLOSE']);
  sends(open('complete_tariff').press('Done'), 'home');
});

test('an unknown page offers every action of Connect, and ways out', () => {
  const screen = new Screen(anyScreen, { route: 'green_bonus_capture', actions: ['CONTINUE', 'GREEN_BONUS', 'BACK', 'CLOSE'], data: {} });
  sends(screen.press('Continue').press('Green bonus').press('Back').press('Close'), ['act', 'CONTINUE'], ['act', 'GREEN_BONUS'], ['act', 'BACK'], ['act', 'CLOSE']);
  assert.deepEqual(screen.actions, ['CONTINUE', 'GREEN_BONUS']);
  const bare = new Screen(anyScreen, { route: 'x' });
  assert.equal(bare.lead, text('unknown.lead'));
  sends(bare.press('Close'), ['act', 'CLOSE']);
  assert.equal(labelOf('PROVIDER_MISSING'), 'My provider is not listed');
  assert.equal(labelOf('SOMETHING_ELSE'), 'Something else');
});

test('titles fit what the session is about', () => {
  const title = (direction, type) => open('rate_fixed_capture', {}, { direction, type }).title;
  assert.equal(title('IMPORT', 'COMMODITY'), text('fixed.title'));
  assert.equal(title(undefined, undefined), text('fixed.title'));
  assert.equal(title('EXPORT', 'COMMODITY'), text('fixed.title.export'));
  assert.equal(title('IMPORT', 'NON_COMMODITY'), text('fixed.title.other'));
  assert.equal(title('LOCAL', 'COMMODITY'), text('fixed.title.other'));
});

// MARK: - Errors of Connect

test('a refusal of Connect is shown at the field that it is about', () => {
  for (const [route, data, code, name] of [
    ['postal_address_capture', {}, 'post_code_missing', 'post_code'], ['postal_address_capture', {}, 'country_code_invalid', 'country_code'],
    ['rate_fixed_capture', {}, 'cost_value_negative', 'cost'], ['rate_tod_capture', {}, 'cost_value_zero', 'day_cost'],
    ['rate_tod_capture', {}, 'gap_in_time_period', 'valid_to'], ['rate_tod_capture', {}, 'valid_from_invalid', 'valid_from'],
    ['surcharge_capture', {}, 'surcharge_percentage_invalid', 'surcharge_percentage'], ['tariff_name_capture', {}, 'tariff_name_missing', 'tariff_name'],
    ['provider_name_capture', {}, 'provider_name_missing', 'provider_name'], ['contract_term_capture', {}, 'date_format_invalid', 'contract_start_date'],
  ]) {
    const screen = open(route, data);
    const input = kit.refusedField(screen.root.elements, { code, message: 'x' });
    assert.equal(input?.getAttribute('name'), name, code);
    assert.equal(input.getAttribute('aria-invalid'), 'true');
    assert.deepEqual(screen.errors, [text(`error.${code}`)]);
  }
  for (const code of ['geo_location_not_found', 'data_json_invalid', '', undefined, 7]) {
    assert.equal(kit.refusedField(open('postal_address_capture', {}).root.elements, { code }), undefined);
  }
});

test('a failure has its reference, and can be tried again unless that is of no use', () => {
  let tries = 0;
  const box = (error) => kit.failureBox(error, () => { tries += 1; });
  const open = box({ code: 'upstream_failed', requestId: 'req_1' });
  const alert = open.all.find((each) => each.getAttribute('role') === 'alert');
  assert.equal(alert.textContent, `${text('error.upstream_failed')}Reference req_1`);
  open.querySelector('button').click();
  assert.equal(tries, 1);
  assert.equal(box({ code: 'city_missing', isRefusal: true }).querySelector('button'), null);
  assert.equal(kit.failureBox({ code: 'x' }).querySelector('button'), null);
});

test('a failure counts down while the service takes no call', (context) => {
  const due = [];
  context.mock.method(globalThis, 'setTimeout', (act, delay) => due.push({ act, delay }));
  const retry = kit.failureBox({ code: 'rate_limited', retryAfter: '2' }, () => {}).querySelector('button');
  assert.deepEqual([retry.textContent, retry.disabled], ['Try again in 2 seconds', true]);
  due.shift().act();
  assert.deepEqual([retry.textContent, retry.disabled], ['Try again in 1 second', true]);
  const { act, delay } = due.shift();
  assert.equal(delay, 1000);
  act();
  assert.deepEqual([retry.textContent, retry.disabled, due.length], ['Try again', false, 0]);
});
